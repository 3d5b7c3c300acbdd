// What a reload changes, and when.
import { expect, test } from 'vitest';
import { afterReload, planReload } from '../../../src/config/reload-plan.ts';
import { base, good } from './parse.ts';

test('nothing changes when the text says the same in other words', () => {
  const old = good(`query_timeout: 60\nadmin_users: app, ops\n${base}`);
  const next = good(`admin_users: [app, ops]\nquery_timeout: 1min\nlisten_port: 6432\n${base}`);
  expect(planReload(old, next)).toEqual([]);
});

test('each change tells its scope, both values and when it holds', () => {
  const old = good(`
listen_port: 1
databases: { app: { host: a, user: u, password: x, pool_size: 2, timezone: UTC }, gone: {} }
users: { app: { password: p, query_timeout: 5 } }`);
  const next = good(`
listen_port: 2
query_timeout: 1
databases: { app: { host: b, user: u, password: y, timezone: CET }, new: {} }
users: { app: { password: q } }`);
  expect(planReload(old, next)).toEqual([
    { key: 'listen_port', scope: 'global', from: '1', to: '2', reload: 'restart' },
    { key: 'query_timeout', scope: 'global', from: '0', to: '1s', reload: 'live' },
    { key: 'host', scope: 'database:app', from: 'a', to: 'b', reload: 'drain' },
    { key: 'password', scope: 'database:app', from: '****', to: '****', reload: 'drain' },
    { key: 'pool_size', scope: 'database:app', from: '2', to: null, reload: 'live' },
    { key: 'timezone', scope: 'database:app', from: 'UTC', to: 'CET', reload: 'drain' },
    { key: 'database', scope: 'database:gone', from: 'defined', to: null, reload: 'drain' },
    { key: 'database', scope: 'database:new', from: null, to: 'defined', reload: 'live' },
    { key: 'password', scope: 'user:app', from: '****', to: '****', reload: 'live' },
    { key: 'query_timeout', scope: 'user:app', from: '5s', to: null, reload: 'live' },
  ]);
});

test('a change of the secrets in auth_file is told without them', () => {
  const old = good(base);
  const next = { ...old, secrets: new Map([...old.secrets, ['other', 'hunter2']]) };
  expect(planReload(old, next)).toEqual([
    { key: 'secret', scope: 'user:other', from: null, to: '****', reload: 'live' },
  ]);
});

test('after a reload the settings that need a restart are still the old ones', () => {
  const old = good(`listen_port: 1\nquery_timeout: 1\n${base}`);
  const next = good(`listen_port: 2\nquery_timeout: 2\n${base}`);
  const { settings } = afterReload(old, next);
  expect([settings.listen_port, settings.query_timeout]).toEqual([1, 2000]);
  expect(Object.isFrozen(settings)).toBe(true);
});

test('peers come, go and move at once', () => {
  const old = good(`peers: { 1: { host: a }, 2: { host: b } }\n${base}`);
  const next = good(`peers: { 1: { host: c, port: 7 }, 3: { host: b } }\n${base}`);
  expect(planReload(old, next)).toEqual([
    { key: 'host', scope: 'peer:1', from: 'a', to: 'c', reload: 'live' },
    { key: 'port', scope: 'peer:1', from: '6432', to: '7', reload: 'live' },
    { key: 'peer', scope: 'peer:2', from: 'defined', to: null, reload: 'drain' },
    { key: 'peer', scope: 'peer:3', from: null, to: 'defined', reload: 'live' },
  ]);
});
