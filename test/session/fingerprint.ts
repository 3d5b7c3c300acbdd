// What can be seen of a session, one line each, so that two sessions differ in lines.

/**
 * All settings with what RESET leads back to, whether the session set them, and everything that a session can own. Placeholders of custom
 * parameters can't be removed from a session, so that an empty one counts as none; those of plpgsql appear when it is first used. One value,
 * because hundreds of rows cost more.
 */
export const FINGERPRINT = `
  SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
    SELECT name || ' = ' || coalesce(setting, '') || ', reset to ' || coalesce(reset_val, '')
      || CASE WHEN source = 'session' AND name NOT LIKE 'transaction%' THEN ', set by the session' ELSE '' END AS line
    FROM pg_settings WHERE name NOT LIKE 'plpgsql.%'
    UNION ALL SELECT name || ' = ' || current_setting(name, true)
    FROM unnest('{app.tenant, app.region}'::text[]) name WHERE current_setting(name, true) <> ''
    UNION ALL SELECT 'role ' || current_setting('role') || ', ' || current_user || ' of ' || session_user
    UNION ALL SELECT 'temporary relation ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()
    UNION ALL SELECT 'temporary function ' || proname FROM pg_proc WHERE pronamespace = pg_my_temp_schema()
    UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE name <> ''
    UNION ALL SELECT 'statement ' || name FROM pg_prepared_statements WHERE from_sql
    UNION ALL SELECT 'channel ' || pg_listening_channels()
    UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
  ) lines
`;

/** Lines with + are in the session and should not be, those with - are missing. */
export function differences(session: readonly string[], pristine: readonly string[]): string[] {
  if (session.join('\n') === pristine.join('\n')) return [];
  const [left, right] = [session, pristine].map((texts) => new Set(texts.flatMap((text) => text.split('\n'))));
  const added = [...left!].filter((line) => !right!.has(line)).map((line) => `+ ${line}`);
  const missing = [...right!].filter((line) => !left!.has(line)).map((line) => `- ${line}`);
  return added.length + missing.length > 0 ? [...added, ...missing] : ['the same lines in another order'];
}
