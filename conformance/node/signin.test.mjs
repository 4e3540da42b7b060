// Signs people in with the official Node SDK. Nothing is delivered here: the codes and links are those of test users. The
// Go suite one folder up reads real mails.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, createHash, randomBytes, sign } from 'node:crypto';
import { test } from 'node:test';
import descope from '@descope/node-sdk';

const env = (name) => process.env[name] ?? '';
const baseUrl = env('POSTERN_URL');
const managementKey = env('POSTERN_MANAGEMENT_KEY');
const options = { skip: baseUrl ? false : 'run by the suite one folder up' };

async function ok(promise) {
  const answer = await promise;
  assert.ok(answer.ok, `status ${answer.code}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

async function refused(promise, code) {
  const answer = await promise;
  assert.equal(answer.ok, false);
  assert.ok(answer.error?.errorCode, `no errorCode: ${JSON.stringify(answer.error)}`);
  if (code) assert.equal(answer.error.errorCode, code);
}

// Makes a project that people sign in to, and a client for it.
async function newPlace(t) {
  const first = descope({ projectId: env('POSTERN_PROJECT_ID'), managementKey, baseUrl }).management.project;
  const { projectId } = await ok(first.clone(`node sign-in ${randomBytes(4).toString('hex')}`));
  const client = descope({ projectId, managementKey, baseUrl });
  t.after(() => client.management.project.delete());
  const files = {
    'snapshot.json': { version: 5 },
    'project.json': { trustedDomains: 'shop.example', rotateJwt: true, testUserRegex: '^tester' },
    'auth/magiclink.json': { enabled: true, redirectUrl: 'https://shop.example/in' },
    'auth/enchantedlink.json': { enabled: true, redirectUrl: 'https://shop.example/in' },
    'roles.json': { roles: [{ id: 'ROLreader', name: 'Reader', permissions: ['books:read'], default: true }] },
    'permissions.json': { permissions: [{ id: 'PERMread', name: 'books:read' }] },
    'attributes.json': { user: [{ name: 'shelf', displayName: 'Shelf', type: 'string' }] },
  };
  await ok(client.management.project.importSnapshot({ files }));
  return client;
}

// Checks tokens as the SDK does, with the keys of the project.
async function session(client, promise, loginId, ...amr) {
  const data = await ok(promise);
  assert.ok(data.sessionJwt, `no session token: ${JSON.stringify(data)}`);
  const { token } = await client.validateSession(data.sessionJwt);
  assert.equal(token.sub, data.user.userId);
  assert.equal(data.user.loginIds[0], loginId);
  for (const method of amr) assert.ok(token.amr.includes(method), `amr is ${token.amr}`);
  return data;
}

const tokenOf = (link) => new URL(link).searchParams.get('t');

test('one-time codes', options, async (t) => {
  const client = await newPlace(t);
  const { user } = client.management;
  const tester = 'tester1@shop.example';
  await ok(client.otp.signUp.email('tester3@shop.example', { email: 'tester3@shop.example' }));
  await ok(user.createTestUser(tester, { email: tester, displayName: 'Tess' }));
  const { code } = await ok(user.generateOTPForTestUser('email', tester));
  const wrong = code === '000000' ? '000001' : '000000';
  await refused(client.otp.verify.email(tester, wrong), 'E061102');
  const data = await session(client, client.otp.verify.email(tester, code), tester, 'email');
  assert.ok(client.validateRoles({ jwt: '', token: (await client.validateSession(data.sessionJwt)).token }, ['Reader']));
  await refused(client.otp.verify.email(tester, code));
  await refused(client.otp.signUp.email(tester, { email: tester }), 'E062107');
  await ok(client.otp.signIn.email(tester));
  await ok(client.otp.signUpOrIn.email('tester2@shop.example'));
});

test('sessions', options, async (t) => {
  const client = await newPlace(t);
  const { user } = client.management;
  const tester = 'tester1@shop.example';
  await ok(user.createTestUser(tester, { email: tester }));
  const signIn = async () => {
    const { code } = await ok(user.generateOTPForTestUser('email', tester));
    return session(client, client.otp.verify.email(tester, code), tester, 'email');
  };
  const data = await signIn();
  const me = await ok(client.me(data.refreshJwt));
  assert.equal(me.userId, data.user.userId);
  assert.equal((await ok(client.history(data.refreshJwt))).length, 1);
  const fresh = await ok(client.refresh(data.refreshJwt));
  assert.notEqual(fresh.refreshJwt, data.refreshJwt);
  await refused(client.refresh(data.refreshJwt));
  await refused(client.refresh(fresh.refreshJwt));
  const again = await signIn();
  const { jwt, token } = await client.refreshSession(again.refreshJwt);
  assert.ok(jwt && token.sub === me.userId);
  const last = await signIn();
  await ok(client.logout(last.refreshJwt));
  await refused(client.refresh(last.refreshJwt));
  const one = await signIn();
  const other = await signIn();
  await ok(client.logoutAll(one.refreshJwt));
  await refused(client.refresh(other.refreshJwt));
});

test('magic, enchanted and embedded links', options, async (t) => {
  const client = await newPlace(t);
  const { user } = client.management;
  const tester = 'tester1@shop.example';
  await ok(client.magicLink.signUp.email('tester3@shop.example', 'https://shop.example/in', { email: 'tester3@shop.example' }));
  await ok(user.createTestUser(tester, { email: tester }));
  const { link } = await ok(user.generateMagicLinkForTestUser('email', tester, 'https://shop.example/in?a=1'));
  assert.equal(new URL(link).searchParams.get('a'), '1');
  await session(client, client.magicLink.verify(tokenOf(link)), tester, 'email');
  await refused(client.magicLink.verify(tokenOf(link)));
  await refused(client.magicLink.signIn.email(tester, 'https://evil.test/'));
  await ok(client.magicLink.signIn.email(tester, 'https://shop.example/in'));
  await ok(client.magicLink.signUpOrIn.email(tester, 'https://shop.example/in'));

  const pending = await ok(user.generateEnchantedLinkForTestUser(tester, 'https://shop.example/in'));
  await ok(client.enchantedLink.verify(tokenOf(pending.link)));
  await session(client, client.enchantedLink.waitForSession(pending.pendingRef), tester, 'email');
  assert.ok((await ok(client.enchantedLink.signIn(tester, 'https://shop.example/in'))).linkId);

  const { token } = await ok(user.generateEmbeddedLink(tester, { till: '3' }, 60));
  const data = await session(client, client.magicLink.verify(token), tester);
  assert.equal((await client.validateSession(data.sessionJwt)).token.nsec?.till ?? (await client.validateSession(data.sessionJwt)).token.till, '3');
});

test('passwords', options, async (t) => {
  const client = await newPlace(t);
  const [first, second] = ['Lantern&Quill-1', 'Lantern&Quill-2'];
  await refused(client.password.signUp('ann', 'short'));
  await session(client, client.password.signUp('ann', first, { name: 'Ann' }), 'ann', 'pwd');
  await refused(client.password.signIn('ann', second));
  const data = await session(client, client.password.signIn('ann', first), 'ann', 'pwd');
  await ok(client.password.update('ann', second, data.refreshJwt));
  await session(client, client.password.signIn('ann', second), 'ann', 'pwd');
  await session(client, client.password.replace('ann', second, first), 'ann', 'pwd');
  assert.equal((await ok(client.password.policy())).minLength, 8);
  await ok(client.management.user.expirePassword('ann'));
  await refused(client.password.signIn('ann', first), 'E062909');
});

// The code of an authenticator app (RFC 6238).
function totp(key, steps = 0) {
  const bits = [...key.replace(/=+$/, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const seed = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const sum = createHmac('sha1', seed).update(counter).digest();
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

test('authenticator apps', options, async (t) => {
  const client = await newPlace(t);
  const { key, image, provisioningURL } = await ok(client.totp.signUp('ann', { name: 'Ann' }));
  assert.ok(image && provisioningURL.startsWith('otpauth://totp/'));
  const data = await session(client, client.totp.verify('ann', totp(key)), 'ann', 'totp');
  await refused(client.totp.verify('ann', totp(key)));
  assert.ok((await ok(client.totp.update('ann', data.refreshJwt))).key);
});

// A passkey in software (WebAuthn level 2, attestation "none", ES256).
class Authenticator {
  id = randomBytes(16);
  count = 0;
  keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  constructor(origin) { this.origin = origin; }

  client(type, challenge) {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  data(rp, flags, more = Buffer.alloc(0)) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE((this.count += 1));
    return Buffer.concat([createHash('sha256').update(rp).digest(), Buffer.from([flags]), count, more]);
  }

  answer(response) {
    const encoded = Object.fromEntries(Object.entries(response).map(([k, v]) => [k, Buffer.isBuffer(v) ? v.toString('base64url') : v]));
    const id = this.id.toString('base64url');
    return JSON.stringify({ id, rawId: id, type: 'public-key', response: encoded });
  }

  create(text) {
    const { publicKey } = JSON.parse(text);
    this.handle = Buffer.from(publicKey.user.id, 'base64url');
    const { x, y } = this.keys.publicKey.export({ format: 'jwk' });
    const cose = Buffer.concat([Buffer.from([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]), Buffer.from(x, 'base64url'), Buffer.from([0x22, 0x58, 32]), Buffer.from(y, 'base64url')]);
    const data = this.data(publicKey.rp.id, 0x45, Buffer.concat([Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, cose]));
    const attestationObject = Buffer.concat([
      Buffer.from([0xa3, 0x63]), Buffer.from('fmt'), Buffer.from([0x64]), Buffer.from('none'), Buffer.from([0x67]), Buffer.from('attStmt'),
      Buffer.from([0xa0, 0x68]), Buffer.from('authData'), Buffer.from([0x58, data.length]), data,
    ]);
    return this.answer({ clientDataJSON: this.client('webauthn.create', publicKey.challenge), attestationObject });
  }

  get(text) {
    const { publicKey } = JSON.parse(text);
    const authenticatorData = this.data(publicKey.rpId, 0x05);
    const clientDataJSON = this.client('webauthn.get', publicKey.challenge);
    const signature = sign('sha256', Buffer.concat([authenticatorData, createHash('sha256').update(clientDataJSON).digest()]), this.keys.privateKey);
    return this.answer({ clientDataJSON, authenticatorData, signature, userHandle: this.handle });
  }
}

test('passkeys', options, async (t) => {
  const client = await newPlace(t);
  const origin = 'https://shop.example';
  const key = new Authenticator(origin);
  const start = await ok(client.webauthn.signUp.start('ann', origin, 'Ann'));
  const data = await session(client, client.webauthn.signUp.finish(start.transactionId, key.create(start.options)), 'ann', 'webauthn');
  const again = await ok(client.webauthn.signIn.start('ann', origin));
  await session(client, client.webauthn.signIn.finish(again.transactionId, key.get(again.options)), 'ann', 'webauthn');
  const more = await ok(client.webauthn.update.start('ann', origin, data.refreshJwt));
  await ok(client.webauthn.update.finish(more.transactionId, new Authenticator(origin).create(more.options)));
  assert.equal((await ok(client.webauthn.signUpOrIn.start('bob', origin))).create, true);
  assert.equal((await ok(client.management.user.listPasskeys('ann'))).length, 2);
});

test('access keys', options, async (t) => {
  const client = await newPlace(t);
  const { accessKey } = client.management;
  const { cleartext, key } = await ok(accessKey.create('till', 0, ['Reader']));
  const { token } = await client.exchangeAccessKey(cleartext);
  assert.ok(client.validateRoles({ jwt: '', token }, ['Reader']));
  await ok(accessKey.deactivate(key.id));
  await assert.rejects(client.exchangeAccessKey(cleartext));
  await ok(accessKey.activate(key.id));
  assert.equal((await ok(accessKey.load(key.id))).name, 'till');
  assert.equal((await ok(accessKey.searchAll())).length, 1);
  await ok(accessKey.update(key.id, 'the till'));
  assert.ok((await ok(accessKey.rotate(key.id))).cleartext);
  await ok(accessKey.deactivateBatch([key.id]));
  await ok(accessKey.activateBatch([key.id]));
  await ok(accessKey.delete(key.id));
});

test('users', options, async (t) => {
  const { user, tenant } = (await newPlace(t)).management;
  await ok(tenant.createWithId('hill', 'Hill'));
  const made = await ok(user.create('ann', { email: 'ann@shop.example', displayName: 'Ann', roles: ['Reader'], customAttributes: { shelf: 'two' } }));
  assert.equal(made.name, 'Ann');
  assert.equal(made.customAttributes.shelf, 'two');
  await refused(user.create('ann'), 'E062107');
  assert.equal((await ok(user.load('ann'))).userId, made.userId);
  assert.equal((await ok(user.loadByUserId(made.userId))).loginIds[0], 'ann');
  for (const [what, change, right] of [
    ['name', () => user.updateDisplayName('ann', 'A. Archer'), (u) => u.name === 'A. Archer'],
    ['names', () => user.updateUserNames('ann', 'Anna', 'B', 'Bowman'), (u) => u.givenName === 'Anna'],
    ['email', () => user.updateEmail('ann', 'anna@shop.example', true), (u) => u.email === 'anna@shop.example' && u.verifiedEmail],
    ['phone', () => user.updatePhone('ann', '+12025550144', true), (u) => u.phone === '+12025550144'],
    ['picture', () => user.updatePicture('ann', 'https://shop.example/a.png'), (u) => u.picture.endsWith('a.png')],
    ['attribute', () => user.updateCustomAttribute('ann', 'shelf', 'nine'), (u) => u.customAttributes.shelf === 'nine'],
    ['no roles', () => user.removeRoles('ann', ['Reader']), (u) => u.roleNames.length === 0],
    ['a role', () => user.addRoles('ann', ['Reader']), (u) => u.roleNames[0] === 'Reader'],
    ['roles', () => user.setRoles('ann', ['Reader']), (u) => u.roleNames.length === 1],
    ['tenant', () => user.addTenant('ann', 'hill'), (u) => u.userTenants[0].tenantId === 'hill'],
    ['role there', () => user.setTenantRoles('ann', 'hill', ['Reader']), (u) => u.userTenants[0].roleNames[0] === 'Reader'],
    ['a role more there', () => user.addTenantRoles('ann', 'hill', ['Reader']), (u) => u.userTenants[0].roleNames.length === 1],
    ['no role there', () => user.removeTenantRoles('ann', 'hill', ['Reader']), (u) => u.userTenants[0].roleNames.length === 0],
    ['no tenant', () => user.removeTenant('ann', 'hill'), (u) => u.userTenants.length === 0],
    ['off', () => user.deactivate('ann'), (u) => u.status === 'disabled'],
    ['on', () => user.activate('ann'), (u) => u.status === 'enabled'],
    ['patch', () => user.patch('ann', { displayName: 'Ann' }), (u) => u.name === 'Ann'],
    ['login id', () => user.updateLoginId('ann', 'archer'), (u) => u.loginIds.includes('archer')],
  ]) assert.ok(right(await ok(change())), what);
  const { createdUsers, failedUsers } = await ok(user.createBatch([{ loginId: 'bob', hashedPassword: { bcrypt: { hash: '$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy' } } }, { loginId: 'bad', roles: ['none'] }]));
  assert.equal(createdUsers.length, 1);
  assert.equal(failedUsers.length, 1);
  assert.deepEqual((await ok(user.search({ text: 'bob' }))).users.map((u) => u.loginIds[0]), ['bob']);
  assert.equal((await ok(user.search({ roles: ['Reader'] }))).total, 2); // it is what everybody has
  assert.equal((await ok(user.loadUsers([made.userId]))).length, 1);
  await ok(user.setActivePassword('bob', 'Lantern&Quill-4'));
  await ok(user.setTemporaryPassword('bob', 'Lantern&Quill-5'));
  await ok(user.logoutUser('bob'));
  await ok(user.delete('bob'));
  await ok(user.deleteByUserId(made.userId));
  await ok(user.deleteAllTestUsers());
});

test('tenants, roles and permissions', options, async (t) => {
  const { tenant, role, permission, password } = (await newPlace(t)).management;
  const { id } = await ok(tenant.create('Harbour', ['harbour.example']));
  await ok(tenant.update(id, 'Old harbour'));
  assert.equal((await ok(tenant.load(id))).name, 'Old harbour');
  assert.equal((await ok(tenant.loadAll())).length, 1);
  assert.equal((await ok(tenant.searchAll(undefined, ['Old harbour']))).length, 1);
  await ok(tenant.getSettings(id));
  await ok(tenant.configureSettings(id, { sessionSettingsEnabled: true, sessionTokenExpiration: 5, sessionTokenExpirationUnit: 'minutes' }));
  await ok(permission.create('till:open', 'Open the till'));
  await ok(permission.update('till:open', 'till:unlock'));
  assert.ok((await ok(permission.loadAll())).some((p) => p.name === 'till:unlock'));
  await ok(role.create('Cashier', 'At the till', ['till:unlock']));
  await ok(role.create('Captain', '', ['till:unlock'], id));
  await ok(role.update('Cashier', 'Head cashier', '', ['till:unlock']));
  assert.equal((await ok(role.search({ roleNames: ['Head cashier'] }))).length, 1);
  assert.ok((await ok(role.loadAll())).length >= 2);
  await ok(role.delete('Head cashier'));
  await ok(role.delete('Captain', id));
  await ok(permission.delete('till:unlock'));
  await ok(tenant.delete(id, true));
  const settings = await ok(password.getSettings(''));
  await ok(password.configureSettings('', { ...settings, minLength: 12 }));
  assert.equal((await ok(password.getSettings(''))).minLength, 12);
});

test('tokens from the management', options, async (t) => {
  const client = await newPlace(t);
  const { jwt, jwtTemplate, group } = client.management;
  const data = await session(client, jwt.signUp('ann@shop.example', { email: 'ann@shop.example' }), 'ann@shop.example');
  await session(client, jwt.signIn('ann@shop.example'), 'ann@shop.example');
  const newer = await ok(jwt.update(data.sessionJwt, { till: '7' }));
  assert.ok((await client.validateSession(newer.jwt)).token);
  const { id } = await ok(jwtTemplate.create({ name: 'Till', type: 'user', authSchema: 'default', emptyClaimPolicy: 'none', template: { shop: 'one' } }));
  assert.equal((await ok(jwtTemplate.load(id))).name, 'Till');
  assert.ok(await ok(jwtTemplate.list()));
  await ok(jwtTemplate.delete(id));
  assert.deepEqual(await ok(group.loadAllGroups('none')), []);
});
