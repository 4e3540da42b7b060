// Signs people in with the official Node SDK, by messages that really come.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Authenticator, totp } from './factors.mjs';
import { baseUrl, come, newPlace, ok, options, refused, session } from './sdk.mjs';

const [ann, bob, newer] = ['ann@shop.example', 'bob@shop.example', 'newer@shop.example'];
const phones = { ann: '+12025550143', bob: '+12025550144', newer: '+12025550145' };

// Signs Ann up and in, Bob up or in, and gives Ann another address. way is how a message comes: "" for a mail.
async function walk(place, way, calls, prove, who) {
  const at = (address) => (way ? `${way}:${address}` : address);
  const field = way ? 'phone' : 'email';
  let data;
  for (const [name, start, id, to] of [
    ['sign up', () => calls.signUp(who.ann, { name: 'Ann', [field]: who.ann }), who.ann, who.ann],
    ['sign up or in: up', () => calls.signUpOrIn(who.bob), who.bob, who.bob],
    ['sign up or in: in', () => calls.signUpOrIn(who.bob), who.bob, who.bob],
    ['sign in', () => calls.signIn(who.ann), who.ann, who.ann],
    ['update', () => calls.update(who.ann, who.newer, data.refreshJwt), who.ann, who.newer],
  ]) {
    const masked = Object.values(await ok(start()))[0];
    assert.ok(masked && masked !== to, `${name}: ${masked}`);
    data = await session(place.client, prove(id, at(to)), id, way || 'email');
    assert.equal(data.user[field], to, name);
  }
}

test('one-time codes', options, async (t) => {
  for (const way of ['email', 'sms', 'voice', 'whatsapp', 'im']) {
    await t.test(way, async (t) => {
      const place = await newPlace(t);
      const { otp } = place.client;
      const calls = {
        signUp: (id, user) => otp.signUp[way](id, user),
        signIn: (id) => otp.signIn[way](id),
        signUpOrIn: (id) => otp.signUpOrIn[way](id),
        update: (id, to, token) => (way === 'email' ? otp.update.email(id, to, token) : otp.update.phone[way](id, to, token)),
      };
      const prove = async (id, to) => otp.verify[way](id, await place.code(to));
      const comes = { email: '', im: 'whatsapp' }[way] ?? way;
      await walk(place, comes, calls, prove, way === 'email' ? { ann, bob, newer } : phones);
      if (way !== 'email') return;
      await ok(otp.signIn.email(ann));
      const code = await place.code(newer);
      await refused(otp.verify.email(ann, code === '000000' ? '000001' : '000000'), 'E061102');
      await session(place.client, otp.verify.email(ann, code), ann, 'email');
      await refused(otp.verify.email(ann, code));
      await refused(otp.signUp.email(ann, { email: ann }), 'E062107');
    });
  }
});

test('magic links', options, async (t) => {
  for (const way of ['email', 'sms', 'whatsapp']) {
    await t.test(way, async (t) => {
      const place = await newPlace(t);
      const { magicLink } = place.client;
      const calls = {
        signUp: (id, user) => magicLink.signUp[way](id, come, user),
        signIn: (id) => magicLink.signIn[way](id, come),
        signUpOrIn: (id) => magicLink.signUpOrIn[way](id, come),
        update: (id, to, token) => (way === 'email' ? magicLink.update.email : magicLink.update.phone[way])(id, to, come, token),
      };
      await walk(place, way === 'email' ? '' : way, calls, async (_, to) => magicLink.verify(await place.token(to)), way === 'email' ? { ann, bob, newer } : phones);
      if (way === 'whatsapp') {
        const data = await session(place.client, place.management.jwt.signIn(phones.bob), phones.bob);
        await ok(magicLink.update.phone.im(phones.bob, '+12025550146', come, data.refreshJwt));
        await session(place.client, magicLink.verify(await place.token('whatsapp:+12025550146')), phones.bob);
      }
      if (way !== 'email') return;
      await ok(magicLink.signIn.email(ann, `${come}?shelf=2`));
      const token = await place.token(newer);
      await session(place.client, magicLink.verify(token), ann);
      await refused(magicLink.verify(token));
      await refused(magicLink.signIn.email(ann, 'https://evil.test/'));
    });
  }
});

// The link of a mail that has a number.
function numbered(text, number) {
  const link = text.match(new RegExp(`href="([^"]*)"[^>]*>\\s*(?:<[^>]*>\\s*)*${number}\\s*<`)) ?? text.match(new RegExp(`\\b${number}\\b[^\\n]*?(https://\\S+)`));
  assert.ok(link, `there is no link numbered ${number} in ${text}`);
  return new URL(link[1]).searchParams.get('t');
}

test('enchanted links', options, async (t) => {
  const { client, message } = await newPlace(t);
  const link = client.enchantedLink;
  let data;
  for (const [name, start, id, to] of [
    ['sign up', () => link.signUp(ann, come, { name: 'Ann', email: ann }), ann, ann],
    ['sign up or in: up', () => link.signUpOrIn(bob, come), bob, bob],
    ['sign up or in: in', () => link.signUpOrIn(bob, come), bob, bob],
    ['sign in', () => link.signIn(ann, come), ann, ann],
    ['update', () => link.update.email(ann, newer, come, data.refreshJwt), ann, newer],
  ]) {
    const { linkId, pendingRef } = await ok(start());
    const waiting = link.waitForSession(pendingRef, { pollingIntervalMs: 100, timeoutMs: 60_000 });
    await ok(link.verify(numbered(await message(to), linkId)));
    data = await session(client, waiting, id, 'email');
    assert.equal(data.user.email, to, name);
  }
});

test('messages that people send', options, async (t) => {
  const { client, management, projectId, message } = await newPlace(t);
  const { files } = await ok(management.project.exportSnapshot());
  const handIn = async (sender, body) => {
    const text = JSON.stringify({ sender, recipient: '+12025550102', body, kind: 'whatsapp' });
    const signature = createHmac('sha256', 'gateway-signs').update(text).digest('base64');
    const url = `${baseUrl}/v1/notp/receive/${projectId}/${files['connectors/gateway.json'].id}`;
    assert.ok((await fetch(url, { method: 'POST', body: text, headers: { 'x-descope-webhook-s256': signature } })).ok);
    await message(`whatsapp:${sender}`);
  };
  for (const [name, start, who] of [
    ['sign up', () => client.notp.signUp(phones.ann, { name: 'Ann', phone: phones.ann }), phones.ann],
    ['sign up or in', () => client.notp.signUpOrIn(phones.bob), phones.bob],
    ['sign in', () => client.notp.signIn(phones.ann), phones.ann],
  ]) {
    const { pendingRef, redirectUrl, image } = await ok(start());
    assert.ok(image, name);
    await handIn(who, new URL(redirectUrl).searchParams.get('text'));
    await handIn(who, 'yes');
    await session(client, client.notp.waitForSession(pendingRef, { pollingIntervalMs: 1000, timeoutMs: 60_000 }), who, 'whatsapp');
  }
});

test('embedded links, and what test users are given', options, async (t) => {
  const { client, management } = await newPlace(t);
  const { user } = management;
  const tester = 'tester1@shop.example';
  await ok(user.createTestUser(tester, { email: tester, displayName: 'Tess' }));
  const { code } = await ok(user.generateOTPForTestUser('email', tester));
  await session(client, client.otp.verify.email(tester, code), tester, 'email');
  const magic = await ok(user.generateMagicLinkForTestUser('email', tester, `${come}?a=1`));
  assert.equal(new URL(magic.link).searchParams.get('a'), '1');
  await session(client, client.magicLink.verify(new URL(magic.link).searchParams.get('t')), tester, 'email');
  const pending = await ok(user.generateEnchantedLinkForTestUser(tester, come));
  await ok(client.enchantedLink.verify(new URL(pending.link).searchParams.get('t')));
  await session(client, client.enchantedLink.waitForSession(pending.pendingRef), tester, 'email');

  const embedded = await ok(user.generateEmbeddedLink(tester, { till: '3' }, 60));
  const { token } = await session(client, client.magicLink.verify(embedded.token), tester);
  assert.equal(token.till ?? token.nsec?.till, '3');
  const first = await ok(user.generateSignUpEmbeddedLink(bob, { name: 'Bob', email: bob }, true, false, undefined, 60));
  assert.equal((await session(client, client.magicLink.verify(first.token), bob)).user.name, 'Bob');
});

test('passwords', options, async (t) => {
  const place = await newPlace(t);
  const { client, management } = place;
  const [first, second] = ['Lantern&Quill-1', 'Lantern&Quill-2'];
  await refused(client.password.signUp(ann, 'short'));
  await session(client, client.password.signUp(ann, first, { name: 'Ann', email: ann }), ann, 'pwd');
  await refused(client.password.signIn(ann, second));
  const data = await session(client, client.password.signIn(ann, first), ann, 'pwd');
  await ok(client.password.update(ann, second, data.refreshJwt));
  await session(client, client.password.signIn(ann, second), ann, 'pwd');
  await session(client, client.password.replace(ann, second, first), ann, 'pwd');
  assert.equal((await ok(client.password.policy())).minLength, 8);
  await ok(management.user.expirePassword(ann));
  await refused(client.password.signIn(ann, first), 'E062909');
  await ok(client.password.sendReset(ann, come));
  await session(client, client.magicLink.verify(await place.token(ann)), ann);
});

test('authenticator apps', options, async (t) => {
  const { client, management } = await newPlace(t);
  const { key, image, provisioningURL } = await ok(client.totp.signUp('ann', { name: 'Ann' }));
  assert.ok(image && provisioningURL.startsWith('otpauth://totp/'));
  const code = totp(key);
  const data = await session(client, client.totp.verify('ann', code), 'ann', 'totp');
  await refused(client.totp.verify('ann', code));
  const other = await ok(client.totp.update('ann', data.refreshJwt));
  await session(client, client.totp.verify('ann', totp(other.key)), 'ann', 'totp');
  await ok(management.user.removeTOTPSeed('ann'));
  await refused(client.totp.verify('ann', totp(other.key, 1)));
});

test('a further factor', options, async (t) => {
  const { client, management } = await newPlace(t);
  const first = await session(client, client.password.signUp(ann, 'Lantern&Quill-1'), ann, 'pwd');
  const { key } = await ok(client.totp.update(ann, first.refreshJwt));
  const both = await session(client, client.totp.verify(ann, totp(key), { mfa: true, trustDevice: true }, first.refreshJwt), ann, 'pwd', 'totp', 'mfa');
  assert.ok(both.trustedDeviceJwt);
  const { token } = await session(client, client.totp.verify(ann, totp(key, 1), { stepup: true }, both.refreshJwt), ann, 'totp');
  assert.equal(token.su, true);
  const devices = await ok(management.user.listTrustedDevices([ann]));
  assert.equal(devices.length, 1);
  await ok(management.user.removeTrustedDevices(ann, devices.map((d) => d.id)));
  assert.deepEqual(await ok(management.user.listTrustedDevices([ann])), []);
});

test('passkeys', options, async (t) => {
  const { client, management } = await newPlace(t);
  const { webauthn } = client;
  const origin = 'https://shop.example';
  const key = new Authenticator(origin);
  const start = await ok(webauthn.signUp.start('ann', origin, 'Ann'));
  const data = await session(client, webauthn.signUp.finish(start.transactionId, key.create(start.options)), 'ann', 'webauthn');
  const again = await ok(webauthn.signIn.start('ann', origin));
  await session(client, webauthn.signIn.finish(again.transactionId, key.get(again.options)), 'ann', 'webauthn');
  const anybody = await ok(webauthn.signIn.start('', origin)); // as a page does that lets the browser offer what it has
  await session(client, webauthn.signIn.finish(anybody.transactionId, key.get(anybody.options)), 'ann', 'webauthn');
  const more = await ok(webauthn.update.start('ann', origin, data.refreshJwt));
  await ok(webauthn.update.finish(more.transactionId, new Authenticator(origin).create(more.options)));
  for (const [who, held, step, act] of [['ann', key, 'signIn', 'get'], ['bob', new Authenticator(origin), 'signUp', 'create']]) {
    const { create, transactionId, options } = await ok(webauthn.signUpOrIn.start(who, origin));
    assert.equal(create, act === 'create');
    await session(client, webauthn[step].finish(transactionId, held[act](options)), who, 'webauthn');
  }
  const keys = await ok(management.user.listPasskeys('ann'));
  assert.equal(keys.length, 2);
  await ok(management.user.removePasskey('ann', keys[0].id));
  await ok(management.user.removeAllPasskeys('ann'));
  assert.deepEqual(await ok(management.user.listPasskeys('ann')), []);
});

test('sessions', options, async (t) => {
  const { client, management } = await newPlace(t);
  await ok(management.tenant.createWithId('hill', 'Hill'));
  await ok(management.user.create(ann, { email: ann, userTenants: [{ tenantId: 'hill', roleNames: ['Writer'] }] }));
  const signIn = () => session(client, management.jwt.signIn(ann), ann);
  const data = await signIn();
  assert.equal((await ok(client.me(data.refreshJwt))).userId, data.user.userId);
  assert.equal((await ok(client.history(data.refreshJwt))).length, 1);
  assert.equal((await ok(management.user.history([data.user.userId])))[0].userId, data.user.userId);
  assert.deepEqual((await ok(client.myTenants(['hill'], data.refreshJwt))).tenants.map((each) => each.name), ['Hill']);
  const chosen = await ok(client.selectTenant('hill', data.refreshJwt));
  assert.equal(client.getCurrentTenant(chosen.sessionJwt), 'hill');
  const fresh = await ok(client.refresh(chosen.refreshJwt));
  assert.notEqual(fresh.refreshJwt, chosen.refreshJwt);
  await refused(client.refresh(chosen.refreshJwt));
  await refused(client.refresh(fresh.refreshJwt));

  const again = await signIn();
  const { jwt, refreshJwt } = await client.refreshSession(again.refreshJwt);
  assert.equal((await client.validateJwt(jwt)).token.sub, data.user.userId);
  assert.equal((await client.validateAndRefreshSession(jwt, refreshJwt)).jwt, jwt);
  assert.notEqual((await client.validateAndRefreshSession('', refreshJwt)).jwt, jwt);
  await assert.rejects(client.validateSession(jwt.slice(0, -20)));
  for (const [end, ends] of [
    [(one) => client.logout(one.refreshJwt), 'one'],
    [(one) => client.logoutAll(one.refreshJwt), 'other'],
    [() => management.user.logoutUser(ann), 'other'],
    [(one) => management.user.logoutUserByUserId(one.user.userId), 'other'],
  ]) {
    const sessions = { one: await signIn(), other: await signIn() };
    await ok(end(sessions.one));
    await refused(client.refresh(sessions[ends].refreshJwt));
  }
});

test('what the SDK reads out of tokens', options, async (t) => {
  const { client, management } = await newPlace(t);
  await ok(management.tenant.createWithId('hill', 'Hill'));
  await ok(management.user.create(ann, { roles: ['Reader'], userTenants: [{ tenantId: 'hill', roleNames: ['Writer'] }] }));
  const { sessionJwt } = await session(client, management.jwt.signIn(ann), ann);
  const info = await client.validateSession(sessionJwt);
  assert.ok(client.validateRoles(info, ['Reader']) && !client.validateRoles(info, ['Writer']));
  assert.ok(client.validatePermissions(info, ['books:read']) && !client.validatePermissions(info, ['books:write']));
  assert.ok(client.validateTenantRoles(info, 'hill', ['Writer']) && !client.validateTenantRoles(info, 'valley', ['Writer']));
  assert.ok(client.validateTenantPermissions(info, 'hill', ['books:write']));
  assert.deepEqual(client.getMatchedRoles(info, ['Reader', 'Writer']), ['Reader']);
  assert.deepEqual(client.getMatchedPermissions(info, ['books:read', 'books:write']), ['books:read']);
  assert.deepEqual(client.getMatchedTenantRoles(info, 'hill', ['Writer', 'Captain']), ['Writer']);
  assert.deepEqual(client.getMatchedTenantPermissions(info, 'hill', ['books:write', 'till']), ['books:write']);
  assert.deepEqual(client.getTenants(sessionJwt), ['hill']);
  assert.deepEqual(client.getJwtRoles(sessionJwt, 'hill'), ['Writer']);
  assert.ok(client.getJwtPermissions(sessionJwt, 'hill').includes('books:write'));
  assert.equal(client.isJwtExpired(sessionJwt), false);
});
