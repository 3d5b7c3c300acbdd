// Tells systemd that the pooler is up (Type=notify), with the tool that systemd has for it: Node can't send to a datagram socket of a path.
import { spawn } from 'node:child_process';

/** The message comes from another process, so the unit needs NotifyAccess=all. Without systemd nothing happens. */
export function notifyReady(): void {
  if (!process.env.NOTIFY_SOCKET) return;
  const tool = spawn('systemd-notify', ['--ready', `--pid=${process.pid}`], { stdio: 'ignore' });
  // Without the tool systemd waits until its own time limit, and says so.
  tool.on('error', () => {});
  tool.unref();
}
