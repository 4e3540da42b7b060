// What all suites here share: clients whose calls are noted, projects that people sign in to, and the post office that the
// suite one folder up opens for all of them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import descope from '@descope/node-sdk';

export const env = (name) => process.env[name] ?? '';
export const baseUrl = env('POSTERN_URL');
export const managementKey = env('POSTERN_MANAGEMENT_KEY');
export const emptyProject = env('POSTERN_PROJECT_ID');
export const options = { skip: baseUrl ? false : 'run by the suite one folder up' };

export const readJSON = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url)));

// Which methods the SDK has, and which of them a test called with success. The suite one folder up reads it.
const has = new Set();
const answered = new Set();

function list(part, path) {
  for (const [key, value] of Object.entries(part)) {
    const name = path + key;
    if (typeof value === 'function') has.add(name);
    if (value && ['function', 'object'].includes(typeof value)) list(value, `${name}.`);
  }
}

function watched(part, path) {
  return new Proxy(part, {
    get(target, key) {
      const value = target[key];
      const known = typeof key === 'string' && value && ['function', 'object'].includes(typeof value);
      return known ? watched(value, path ? `${path}.${key}` : key) : value;
    },
    apply(call, self, args) {
      const answer = Reflect.apply(call, self, args);
      if (!(answer instanceof Promise)) answered.add(path);
      else answer.then((a) => a?.ok !== false && answered.add(path), () => {});
      return answer;
    },
  });
}

process.on('exit', () => {
  const lines = [...has].map((name) => `has ${name}\n`).concat([...answered].map((name) => `answered ${name}\n`));
  if (env('POSTERN_DRIVEN')) appendFileSync(env('POSTERN_DRIVEN'), lines.join(''));
});

// Makes a client.
export function open(projectId, more = {}) {
  const client = descope({ projectId, managementKey, baseUrl, ...more });
  list(client, '');
  return watched(client, '');
}

// Gives the data of an answer; the SDK throws by itself where an answer has no JSON body.
export async function ok(promise) {
  const answer = await promise;
  assert.ok(answer.ok, `status ${answer.code}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

export async function refused(promise, code) {
  const answer = await promise;
  assert.equal(answer.ok, false);
  assert.ok(answer.code >= 400 && answer.code < 500, `status ${answer.code}`);
  assert.ok(answer.error?.errorCode, `no errorCode: ${JSON.stringify(answer.error)}`);
  if (code) assert.equal(answer.error.errorCode, code);
  return answer.error;
}

export const unique = (name) => `${name} ${randomBytes(4).toString('hex')}`;

export const come = 'https://shop.example/come-in';

// Makes a project that people sign in to: its client, and its messages.
export async function newPlace(t) {
  const { projectId } = await ok(open(emptyProject).management.project.clone(unique('node sign-in')));
  const client = open(projectId);
  t.after(() => client.management.project.delete());
  const sender = `door${randomBytes(12).toString('hex')}`;
  const text = readFileSync(new URL('../place.json', import.meta.url), 'utf8')
    .replaceAll('SENDER', sender)
    .replaceAll('"MAIL_PORT"', env('POSTERN_MAIL_PORT'))
    .replaceAll('POST_URL', env('POSTERN_POST_URL'));
  await ok(client.management.project.importSnapshot(JSON.parse(text)));
  return { client, management: client.management, projectId, ...mail(sender) };
}

// The messages of one sender. An address with an @ is of a mail; before a number stands how it comes, as in
// "voice:+12025550143".
function mail(sender) {
  const message = async (to) => {
    const [, kind, address] = to.match(/^(?:([a-z]+):)?(.*)$/);
    const path = [sender, kind ?? 'email', address].map(encodeURIComponent).join('/');
    const answer = await fetch(`${env('POSTERN_POST_URL')}/messages/${path}`);
    const text = (await answer.text()).replaceAll('&amp;', '&');
    assert.ok(answer.ok, text);
    return text;
  };
  const first = async (to, pattern) => {
    const text = await message(to);
    assert.match(text, pattern);
    return text.match(pattern)[0];
  };
  return {
    message,
    code: (to) => first(to, /\b\d{6}\b/),
    token: async (to) => new URL(await first(to, /https:\/\/[^\s"'<>()]*[?&]t=[\w.~%-]+/)).searchParams.get('t'),
  };
}

// Checks tokens as the SDK does, with the keys of the project.
export async function session(client, promise, loginId, ...amr) {
  const data = await ok(promise);
  assert.ok(data.sessionJwt, `no session token: ${JSON.stringify(data)}`);
  const { token } = await client.validateSession(data.sessionJwt);
  assert.equal(token.sub, data.user.userId);
  assert.equal(data.user.loginIds[0], loginId);
  for (const method of amr) assert.ok(token.amr.includes(method), `amr is ${token.amr}`);
  return { ...data, token };
}
