// Runs a password_command: the program that gives a password, such as a token that is valid for some minutes.
//
// It is a list of arguments and no line for a shell: nothing in it is expanded, nothing has to be quoted, and an image without a
// shell can run it. It has our environment, where a cloud's credentials are.
import { execFile } from 'node:child_process';
import { firstCharacters, printable } from '../util/printable.ts';

const MAX_OUTPUT_BYTES = 65_536;

export type CommandResult =
  | { readonly ok: true; readonly secret: string }
  | { readonly ok: false; readonly problem: string };

/** What it wrote, without the newline at its end. Never rejects. The problem holds nothing of what it wrote to stdout. */
export function runPasswordCommand(argv: readonly string[], timeoutMs: number): Promise<CommandResult> {
  const [program = '', ...args] = argv;
  const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES } as const;
  return new Promise((done) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      done(error === null ? readSecret(stdout) : { ok: false, problem: problemOf(error, stderr, timeoutMs) });
    });
    child.stdin?.end();
  });
}

function readSecret(stdout: string): CommandResult {
  const secret = stdout.replace(/\r?\n$/, '');
  if (secret === '') return { ok: false, problem: 'it wrote nothing' };
  if (/[\0\r\n]/.test(secret)) return { ok: false, problem: 'it wrote more than one line' };
  return { ok: true, secret };
}

function problemOf(error: Error & { code?: unknown; signal?: unknown; killed?: boolean }, stderr: string, ms: number) {
  if (error.killed === true && error.signal === 'SIGKILL') return `it took longer than ${ms} ms`;
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `it wrote more than ${MAX_OUTPUT_BYTES} bytes`;
  if (typeof error.code === 'string') return `it can not be run: ${error.code}`;
  const said = firstCharacters(printable(stderr), 200);
  const how = typeof error.code === 'number' ? `exit code ${error.code}` : `signal ${error.signal}`;
  return said === '' ? `it ended with ${how}` : `it ended with ${how}: ${said}`;
}
