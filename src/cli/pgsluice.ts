#!/usr/bin/env node
// The command: refuses a Node that is too old in one line, then hands over. Its syntax must load on Node 16, so nothing newer here.
import { holdSignals } from './early-signals.ts';

const wanted = 24;
const major = Number(process.versions.node.split('.')[0]);

if (major < wanted) {
  console.error(`pgsluice needs Node.js ${wanted} or newer; this is ${process.version} (${process.execPath})`);
  process.exitCode = 1;
} else {
  // These end when they are interrupted; whatever else is typed may be a file to run, as with PgBouncer.
  if (!['check', 'demo', 'import', 'top'].includes(process.argv[2] ?? '-h')) holdSignals();
  const { main } = await import('./main.ts');
  await main(process.argv);
}
