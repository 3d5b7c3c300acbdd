// The layers of the house: imports point down this list only. See docs/architecture.md.
const rooms = [
  'cli', 'doctor', 'workers', 'app', 'admin', 'http', 'control', 'observe', 'guard', 'advisor', 'client', 'pool', 'server', 'session', 'auth', 'net',
  'config', 'protocol', 'util',
];
const files = { app: '^src/app\\.ts$', control: '^src/(control|orders)\\.ts$' };
const path = (room) => files[room] ?? `^src/${room}/`;
const upward = rooms.slice(1).map((room, i) => ({
  name: `${room}-imports-upward`,
  comment: `${room} may import only rooms below it`,
  severity: 'error',
  from: { path: path(room) },
  to: { path: rooms.slice(0, i + 1).map(path).join('|') },
}));

module.exports = {
  forbidden: [
    ...upward,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphan', severity: 'error', from: { orphan: true, path: '^src/' }, to: {} },
    { name: 'no-dev-dependency', severity: 'error', from: { path: '^src/', pathNot: '^src/cli/demo' }, to: { dependencyTypes: ['npm-dev'] } },
    { name: 'no-test-code', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bench)/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
