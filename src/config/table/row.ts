// What one row of the settings tables says, and the TypeScript type of the value that the row describes.

/** How the value is written: `kinds.ts` reads and writes each kind. */
export type Kind = 'bool' | 'choices' | 'duration' | 'enum' | 'int' | 'list' | 'secret' | 'size' | 'text';

/** Where the key may stand: at the top level, in an entry of `databases:`, of `users:`, of `peers:`. */
export type Scope = 'global' | 'database' | 'user' | 'peer';

/**
 * What a reload does with a new value. `live`: it holds from now on. `drain`: it holds for new server connections, the ones
 * that exist are closed when they are released. `restart`: the old value stays in force until the process starts again.
 */
export type ReloadClass = 'live' | 'drain' | 'restart';

interface RowBase {
  readonly scope: readonly Scope[];
  readonly reload: ReloadClass;
  /** One or two sentences for the operator. */
  readonly doc: string;
  /** How behaviour or default differ from PgBouncer's, as the end of the sentence "Differs from PgBouncer: ...". */
  readonly differs?: string;
  /** What the value 0 means, when it is not the number zero. */
  readonly zero?: string;
  /** The key is pgsluice's own: PgBouncer has no such setting. */
  readonly ours?: true;
}

export interface BoolRow extends RowBase {
  readonly kind: 'bool';
  readonly default: boolean | null;
}

/** One value for each of some keys: a map in the file, or one text "key=value, key=value". Keys that are not named keep their default. */
export interface ChoicesRow extends RowBase {
  readonly kind: 'choices';
  readonly keys: readonly string[];
  readonly values: readonly string[];
  /** Every key, each as "key=value". */
  readonly default: readonly string[];
}

/** Milliseconds. A bare number in a file is seconds, as in PgBouncer, with fractions allowed. */
export interface DurationRow extends RowBase {
  readonly kind: 'duration';
  readonly default: number | null;
  readonly min?: number;
  readonly max?: number;
}

export interface EnumRow extends RowBase {
  readonly kind: 'enum';
  readonly values: readonly string[];
  readonly default: string | null;
  /** Values that PgBouncer has and this version refuses, each with the reason. */
  readonly refused?: Readonly<Record<string, string>>;
}

export interface IntRow extends RowBase {
  readonly kind: 'int';
  readonly min: number;
  readonly max: number;
  readonly default: number | null;
  /** 0 is written as "auto". */
  readonly auto?: true;
}

/** Texts: a YAML list, or one text with commas as in PgBouncer. */
export interface ListRow extends RowBase {
  readonly kind: 'list';
  readonly default: readonly string[] | null;
  readonly minItems?: number;
  /** Each item is "name=number" with a number in this range; a map in the file is the same. */
  readonly numbers?: { readonly min: number; readonly max: number };
  /** Each item is a whole number in this range. */
  readonly items?: { readonly min: number; readonly max: number };
}

/** A text that no log, message or console may show. */
export interface SecretRow extends RowBase {
  readonly kind: 'secret';
  readonly default: string | null;
}

/** Bytes. A bare number in a file is bytes, as in PgBouncer. */
export interface SizeRow extends RowBase {
  readonly kind: 'size';
  readonly min: number;
  readonly max: number;
  readonly default: number | null;
}

export interface TextRow extends RowBase {
  readonly kind: 'text';
  readonly default: string | null;
}

export type SettingRow =
  | BoolRow
  | ChoicesRow
  | DurationRow
  | EnumRow
  | IntRow
  | ListRow
  | SecretRow
  | SizeRow
  | TextRow;
export type SettingRows = Readonly<Record<string, SettingRow>>;

/** Any value that a row can describe. */
export type SettingValue = boolean | number | string | readonly string[];

/** The type of the value that row R describes. */
export type ValueOf<R> = R extends { kind: 'bool' }
  ? boolean
  : R extends { kind: 'enum'; values: readonly (infer V)[] }
    ? V
    : R extends { kind: 'list' | 'choices' }
      ? readonly string[]
      : R extends { kind: 'text' | 'secret' }
        ? string
        : number;

export const GLOBAL = ['global'] as const;
export const GLOBAL_DATABASE = ['global', 'database'] as const;
export const GLOBAL_USER = ['global', 'user'] as const;
export const EVERYWHERE = ['global', 'database', 'user'] as const;
export const DATABASE = ['database'] as const;
export const USER = ['user'] as const;
export const PEER = ['peer'] as const;

/** Postgres: more connections than this per server is beyond MAX_BACKENDS (2^18 - 1). */
export const MAX_CONNECTIONS = 262_143;
