// Settings of who may use the API.
import { expect, test } from 'vitest';
import { ACTION_TOKEN, Api, READ_TOKEN } from '../../support/http-api.ts';
import { errorOf, fakeFor, poolerFor, targetOf } from './for-settings.ts';
import { freePort } from './free-port.ts';

test('http_read_token: reading needs it, a reload changes it, and a short one is refused', async () => {
  const http_listen_port = await freePort();
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), { http_listen_port, http_read_token: READ_TOKEN });
  const api = new Api(http_listen_port);
  expect((await api.get('/api/v1/pools')).status).toBe(401);
  api.token = READ_TOKEN;
  expect((await api.get('/api/v1/pools')).status).toBe(200);
  pooler.reload({ http_read_token: 'another-token-to-read' });
  expect((await api.get('/api/v1/pools')).status).toBe(401);
  expect(JSON.stringify(pooler.log)).not.toContain('another-token');
  const error = await errorOf(poolerFor(targetOf(postgres), { http_read_token: 'short' }));
  expect(error.message).toContain('http_read_token: is shorter than 16 characters');
});

test('http_action_token: acting needs it, and a reload takes it away', async () => {
  const http_listen_port = await freePort();
  const pooler = await poolerFor(targetOf(await fakeFor()), { http_listen_port, http_action_token: ACTION_TOKEN });
  const api = new Api(http_listen_port);
  expect((await api.act('resume', { database: null })).status).toBe(401);
  api.token = ACTION_TOKEN;
  expect((await api.act('resume', { database: null })).status).toBe(200);
  pooler.reload({ http_action_token: '' });
  expect((await api.act('resume', { database: null })).status).toBe(403);
});
