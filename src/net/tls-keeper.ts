// Keeps what connections are encrypted with: made when the configuration comes into force, and again when a file changes.
// What can't be made keeps the last good one in place, and is told.

import { dirname, resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Settings } from '../config/settings-table.ts';
import { TlsAcceptor } from './tls-acceptor.ts';
import { readTlsMaterial, stampOf, type TlsMaterial, type TlsSettings } from './tls-files.ts';
import type { TlsWish } from './tls-request.ts';

/** Files are looked at so often: a change is in force within 5 s. */
const LOOK_MS = 2_000;

/** One of the two sides. */
interface Side<T> {
  readonly prefix: 'client_tls_' | 'server_tls_';
  readonly make: (material: TlsMaterial) => T;
  settings: TlsSettings | null;
  /** What the files were like when they were last read; null: not known yet. */
  stamp: string | null;
  value: T | null;
}

export interface TlsKeeperOptions {
  /** New files are in force, or can't be: the reason. */
  readonly onReload: (prefix: string, problem: string | null) => void;
}

export class TlsKeeper {
  readonly #options: TlsKeeperOptions;
  readonly #client: Side<TlsAcceptor> = {
    prefix: 'client_tls_',
    make: (material) => new TlsAcceptor(material, material.hasCa),
    settings: null,
    stamp: null,
    value: null,
  };
  readonly #server: Side<TlsMaterial> = {
    prefix: 'server_tls_',
    make: (material) => material,
    settings: null,
    stamp: null,
    value: null,
  };
  #lookedAt = 0;
  #isLooking = false;

  constructor(options: TlsKeeperOptions) {
    this.#options = options;
  }

  /** Where clients are encrypted; null: they are not. */
  get acceptor(): TlsAcceptor | null {
    return this.#client.value;
  }

  /** How a server of these settings is reached; null: in the clear. */
  wishOf({ server_tls_sslmode: mode, server_tls_sslnegotiation }: Settings): TlsWish | null {
    if (mode === 'disable') return null;
    return { mode, isDirect: server_tls_sslnegotiation === 'direct', material: this.#server.value };
  }

  /** Throws when something can't be made and there is nothing yet to go on with. What goes with the other side is done all the same. */
  use(config: Config): void {
    try {
      const isOn = config.settings.client_tls_sslmode !== 'disable';
      this.#change(this.#client, isOn ? tlsSettingsOf(config, 'client_tls_') : null);
    } finally {
      this.#useServerSide(config);
    }
  }

  #useServerSide(config: Config): void {
    const { settings } = config;
    const modes = [settings, ...[...config.databases.values()].map((entry) => entry.overrides)];
    const isWished = modes.some(({ server_tls_sslmode: mode }) => mode !== undefined && mode !== 'disable');
    this.#change(this.#server, isWished ? tlsSettingsOf(config, 'server_tls_') : null);
  }

  #change<T>(side: Side<T>, settings: TlsSettings | null): void {
    if (JSON.stringify(side.settings) === JSON.stringify(settings)) return;
    side.settings = settings;
    side.stamp = null;
    if (settings === null) side.value = null;
    else this.#read(side, settings, false);
  }

  #read<T>(side: Side<T>, settings: TlsSettings, isNews: boolean): void {
    try {
      side.value = side.make(readTlsMaterial(settings, side.prefix));
      if (isNews) this.#options.onReload(side.prefix, null);
    } catch (error) {
      if (side.value === null) throw error;
      this.#options.onReload(side.prefix, (error as Error).message);
    }
  }

  /** The janitor's moment. */
  async tick(now: number): Promise<void> {
    if (this.#isLooking || now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    this.#isLooking = true;
    try {
      await this.#look(this.#client);
      await this.#look(this.#server);
    } finally {
      this.#isLooking = false;
    }
  }

  async #look<T>(side: Side<T>): Promise<void> {
    const { settings } = side;
    if (settings === null) return;
    const stamp = await stampOf(settings);
    if (settings !== side.settings || stamp === side.stamp) return;
    // The first time too: a file may have changed between its reading and this look.
    const isNews = side.stamp !== null;
    side.stamp = stamp;
    try {
      this.#read(side, settings, isNews);
    } catch (error) {
      this.#options.onReload(side.prefix, (error as Error).message);
    }
  }
}

/** Files are named relative to the configuration. */
export function tlsSettingsOf({ settings, file }: Config, prefix: 'client_tls_' | 'server_tls_'): TlsSettings {
  const path = (name: string) => (name === '' ? '' : resolve(file === null ? '.' : dirname(file), name));
  return {
    caFile: path(settings[`${prefix}ca_file`]),
    certFile: path(settings[`${prefix}cert_file`]),
    keyFile: path(settings[`${prefix}key_file`]),
    ciphers: settings[`${prefix}ciphers`],
    tls13Ciphers: prefix === 'client_tls_' ? settings.client_tls13_ciphers : settings.server_tls13_ciphers,
    protocols: settings[`${prefix}protocols`],
    ecdhCurve: settings.client_tls_ecdhcurve,
  };
}
