// The rows of the session matrix, and the database that they need.
import type { Change } from './change.ts';
import { CHANGES_OF_OBJECTS } from './changes-of-objects.ts';
import { CHANGES_OF_PARAMETERS } from './changes-of-parameters.ts';

export const CHANGES: readonly Change[] = [...CHANGES_OF_PARAMETERS, ...CHANGES_OF_OBJECTS];

/** Roles belong to the whole server: two files may make them at the same time. */
export const ROLES = `
  DO $$ BEGIN CREATE ROLE matrix_group; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;
  DO $$ BEGIN CREATE ROLE matrix_reader; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;
`;

/** Run once in a database of its own. */
export const SETUP = `
  CREATE SCHEMA own;
  CREATE TABLE own.thing AS SELECT 'own' AS name;
  CREATE TABLE parent (id int PRIMARY KEY);
  CREATE TABLE child (id int REFERENCES parent DEFERRABLE);
  CREATE SEQUENCE counter;

  CREATE FUNCTION set_by_sql(text, text) RETURNS text LANGUAGE sql AS 'SELECT set_config($1, $2, false)';
  CREATE FUNCTION set_by_plpgsql(text, text) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RETURN set_config($1, $2, false); END $$;
  CREATE PROCEDURE set_by_procedure(text, text) LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config($1, $2, false); END $$;
  CREATE PROCEDURE set_and_commit(text, text) LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config($1, $2, false); COMMIT; PERFORM 1; END $$;
  CREATE FUNCTION make_basket() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN CREATE TEMP TABLE basket AS SELECT 7 AS item; END $$;
  CREATE FUNCTION lock_it(bigint) RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock($1)';

  CREATE VIEW setter AS SELECT set_config('app.tenant', 'acme', false);
  CREATE TABLE defaulted (name text DEFAULT set_config('app.tenant', 'acme', false));
  CREATE TABLE trapped (id int);
  CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config('app.tenant', 'acme', false); RETURN NEW; END $$;
  CREATE TRIGGER trap BEFORE INSERT ON trapped FOR EACH ROW EXECUTE FUNCTION trap();
  CREATE OPERATOR ==> (LEFTARG = text, RIGHTARG = text, FUNCTION = set_by_sql);
  CREATE TYPE tenant AS (name text);
  CREATE FUNCTION to_tenant(text) RETURNS tenant LANGUAGE sql AS
    $$ SELECT ROW(set_config('app.tenant', $1, false))::tenant $$;
  CREATE CAST (text AS tenant) WITH FUNCTION to_tenant(text);

  SELECT setseed(0.5);
  CREATE TABLE seeded AS SELECT random() AS number FROM generate_series(1, 20);
  GRANT USAGE ON SCHEMA own TO PUBLIC;
  GRANT SELECT ON seeded TO PUBLIC;
  GRANT matrix_group TO matrix_reader;
`;

/** What RESET leads back to is not always what Postgres was built with. */
export const databaseDefaults = (database: string): string => `
  ALTER DATABASE ${database} SET enable_hashjoin = off;
  ALTER DATABASE ${database} SET app.region = 'north';
`;
