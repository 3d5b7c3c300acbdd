// sqlcommenter's tags: which are read, and what of them is left out.
import { expect, it } from 'vitest';
import { statementTags } from '../../../src/guard/tags.ts';

const tags = (sql: string) => statementTags(Buffer.from(sql));

it('reads the allowed keys of the last comment, decoded', () => {
  expect(
    tags(
      "SELECT 1 /* x */ /*action='%2Fparam*d',controller='index',db_driver='pg',framework='spring',traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01',tracestate='congo%3Dt61rcWkgMzE'*/",
    ),
  ).toEqual({
    action: '/param*d',
    controller: 'index',
    traceparent: '00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01',
  });
});

it.each([
  ["SELECT 1; /*route='%2Forders%2F%3Aid'*/ ;\n", { route: '/orders/:id' }],
  ["/*route='a'*/ SELECT 1", { route: 'a' }],
  ["/*route='a',file='f'*/ SELECT 1 /*route='b'*/", { route: 'b', file: 'f' }],
  ["SELECT 1 /* route = 'a' , action='b' */", { route: 'a', action: 'b' }],
  ["SELECT 1 /*route='it\\'s'*/", { route: "it's" }],
  ["SELECT 1 /*%72oute='a'*/", { route: 'a' }],
  ["/*route='only'*/", { route: 'only' }],
])('reads the forms in which libraries write it: %j', (sql, expected) => {
  expect(tags(sql)).toEqual(expected);
});

it.each([
  'SELECT 1',
  '',
  '/*/',
  '*/',
  'SELECT 1 /**/',
  "SELECT '/*route=''a''*/'",
  "SELECT 1 -- route='a'",
  'SELECT 1 /*route=a*/',
  "SELECT 1 /*route='a*/",
  "SELECT 1 /*route='%E0%A4%A'*/",
  "SELECT 1 /*__proto__='a',constructor='b',password='c'*/",
  "SELECT 1 /*route=''*/",
])('finds none where there is none: %j', (sql) => {
  expect(tags(sql)).toEqual({});
});

it('leaves a tag out that cannot be decoded, and reads the others', () => {
  expect(tags("SELECT 1 /*action='%zz',route='a'*/")).toEqual({ route: 'a' });
});

it('drops control characters and what is beyond 128 characters', () => {
  expect(tags("SELECT 1 /*route='a%0A%1B[31mb'*/")).toEqual({ route: 'a [31mb' });
  expect(tags(`SELECT 1 /*route='${'x'.repeat(200)}'*/`).route).toHaveLength(128);
  expect(tags(`SELECT 1 /*route='x${encodeURIComponent('😀'.repeat(100))}'*/`).route).toHaveLength(127);
});
