// Manages users, tenants, roles, keys and tokens with the official Node SDK.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { come, newPlace, ok, open, options, readJSON, refused, session } from './sdk.mjs';

// Makes each change and looks at what it answers.
async function steps(list) {
  for (const [what, change, right = () => true] of list) {
    const answer = await ok(change());
    assert.ok(right(answer), `${what}: ${JSON.stringify(answer)}`);
  }
}

test('a user', options, async (t) => {
  const { user, tenant } = (await newPlace(t)).management;
  await ok(tenant.createWithId('hill', 'Hill'));
  const made = await ok(user.create('ann', { email: 'ann@shop.example', displayName: 'Ann', roles: ['Reader'], customAttributes: { shelf: 'two' } }));
  assert.equal(made.name, 'Ann');
  assert.equal(made.customAttributes.shelf, 'two');
  await refused(user.create('ann'), 'E062107');
  await steps([
    ['loaded', () => user.load('ann'), (u) => u.userId === made.userId],
    ['loaded by the id', () => user.loadByUserId(made.userId), (u) => u.loginIds[0] === 'ann'],
    ['name', () => user.updateDisplayName('ann', 'A. Archer'), (u) => u.name === 'A. Archer'],
    ['names', () => user.updateUserNames('ann', 'Anna', 'B', 'Bowman'), (u) => u.givenName === 'Anna' && u.familyName === 'Bowman'],
    ['email', () => user.updateEmail('ann', 'anna@shop.example', true), (u) => u.email === 'anna@shop.example' && u.verifiedEmail],
    ['phone', () => user.updatePhone('ann', '+12025550144', true), (u) => u.phone === '+12025550144' && u.verifiedPhone],
    ['recovery email', () => user.updateRecoveryEmail('ann', 'r@shop.example', true), (u) => u.userId === made.userId],
    ['recovery phone', () => user.updateRecoveryPhone('ann', '+12025550145', true), (u) => u.userId === made.userId],
    ['picture', () => user.updatePicture('ann', 'https://shop.example/a.png'), (u) => u.picture.endsWith('a.png')],
    ['attribute', () => user.updateCustomAttribute('ann', 'shelf', 'nine'), (u) => u.customAttributes.shelf === 'nine'],
    ['no roles', () => user.removeRoles('ann', ['Reader']), (u) => u.roleNames.length === 0],
    ['a role', () => user.addRoles('ann', ['Reader']), (u) => u.roleNames[0] === 'Reader'],
    ['roles', () => user.setRoles('ann', ['Reader', 'Writer']), (u) => u.roleNames.length === 2],
    ['tenant', () => user.addTenant('ann', 'hill'), (u) => u.userTenants[0].tenantId === 'hill'],
    ['role there', () => user.setTenantRoles('ann', 'hill', ['Reader']), (u) => u.userTenants[0].roleNames[0] === 'Reader'],
    ['a role more there', () => user.addTenantRoles('ann', 'hill', ['Writer']), (u) => u.userTenants[0].roleNames.length === 2],
    ['no role there', () => user.removeTenantRoles('ann', 'hill', ['Reader', 'Writer']), (u) => u.userTenants[0].roleNames.length === 0],
    ['no tenant', () => user.removeTenant('ann', 'hill'), (u) => u.userTenants.length === 0],
    ['app', () => user.setSSOapps('ann', ['app1']), (u) => u.ssoAppIds.length === 1],
    ['an app more', () => user.addSSOapps('ann', ['app2']), (u) => u.ssoAppIds.length === 2],
    ['an app less', () => user.removeSSOapps('ann', ['app1']), (u) => u.ssoAppIds[0] === 'app2'],
    ['off', () => user.deactivate('ann'), (u) => u.status === 'disabled'],
    ['on', () => user.activate('ann'), (u) => u.status === 'enabled'],
    ['patch', () => user.patch('ann', { displayName: 'Ann' }), (u) => u.name === 'Ann' && u.email === 'anna@shop.example'],
    ['login id', () => user.updateLoginId('ann', 'archer'), (u) => u.loginIds.includes('archer')],
    ['whole', () => user.update('archer', { displayName: 'Whole', email: 'whole@shop.example' }), (u) => u.name === 'Whole' && !u.phone && u.roleNames.length === 0],
    ['deleted', () => user.deleteByUserId(made.userId)],
  ]);
  await refused(user.load('archer'));
});

test('passwords of users', options, async (t) => {
  const { client, management } = await newPlace(t);
  const { user } = management;
  await ok(user.create('bob'));
  for (const [set, works] of [[user.setPassword, false], [user.setTemporaryPassword, false], [user.setActivePassword, true]]) {
    await ok(set('bob', 'Lantern&Quill-4'));
    if (works) await session(client, client.password.signIn('bob', 'Lantern&Quill-4'), 'bob', 'pwd');
    else await refused(client.password.signIn('bob', 'Lantern&Quill-4'), 'E062909');
  }
  await ok(user.delete('bob'));
});

test('passwords that are imported', options, async (t) => {
  const { client, management } = await newPlace(t);
  const { password, hashes } = readJSON('../passwords.json');
  const people = hashes.map((hashedPassword, i) => ({ loginId: `p${i}`, hashedPassword }));
  assert.deepEqual((await ok(management.user.createBatch(people))).failedUsers, []);
  for (const { loginId, hashedPassword } of people) {
    await refused(client.password.signIn(loginId, `${password}!`));
    assert.ok((await client.password.signIn(loginId, password)).ok, JSON.stringify(hashedPassword));
    await session(client, client.password.signIn(loginId, password), loginId, 'pwd');
  }
});

test('users in batches, and a search', options, async (t) => {
  const { user, tenant } = (await newPlace(t)).management;
  const crowd = readJSON('../crowd.json');
  for (const { id, name, parentId } of crowd.tenants) await ok(tenant.createWithId(id, name, [], {}, false, false, parentId));
  const people = crowd.users.map(({ name, tenants, ssoAppIDs, ...more }) => ({ ...more, displayName: name, userTenants: tenants, ssoAppIds: ssoAppIDs }));
  const { createdUsers, failedUsers } = await ok(user.createBatch([...people, { loginId: 'bad', roles: ['none'] }]));
  assert.equal(failedUsers.length, 1);
  await ok(user.createTestUser(crowd.tester, { email: 'tester1@shop.example' }));
  const idOf = (text) => createdUsers.find((u) => text === `ID of ${u.loginIds[0]}`).userId;
  const names = (users, sorted) => (sorted ? users.map((u) => u.loginIds[0]) : users.map((u) => u.loginIds[0]).sort());
  for (const { name, options, want, total } of crowd.searches) {
    if (options.userIds) options.userIds = options.userIds.map(idOf);
    const found = await ok(user.search(options));
    assert.deepEqual(names(found.users, options.sort), want, name);
    assert.equal(found.total, Math.max(total ?? 0, want.length), name);
  }
  assert.deepEqual(names((await ok(user.searchTestUsers({}))).users), [crowd.tester]);
  assert.deepEqual(names(await ok(user.searchAll(undefined, ['Writer']))), ['a1', 'a2']);
  const ids = createdUsers.map((u) => u.userId);
  assert.equal((await ok(user.loadUsers(ids, true))).length, ids.length);
  const patched = await ok(user.patchBatch([{ loginId: 'a1', status: 'disabled' }, { loginId: 'nobody', status: 'disabled' }]));
  assert.equal(patched.patchedUsers.length, 1);
  assert.equal(patched.failedUsers.length, 1);
  await ok(user.deleteAllTestUsers());
  await ok(user.deleteBatch(ids));
  assert.equal((await ok(user.search({ withTestUser: true }))).total, 0);
});

test('every option of a search', options, () => {
  const types = readFileSync(new URL('node_modules/@descope/node-sdk/dist/index.d.ts', import.meta.url), 'utf8');
  const body = /searchTestUsers: \(searchReq: \{\n([^]*?)\n {16}\}\)/.exec(types)[1];
  const names = [...body.matchAll(/^ {20}(\w+)\?:/gm)].map(([, name]) => name);
  assert.ok(names.length > 20, names.join());
  const { users, searches } = readJSON('../crowd.json');
  for (const name of names) {
    const by = searches.filter(({ options }) => name in options);
    assert.ok(by.some(({ want }) => want.length > 0), `no search finds anybody by ${name}`);
    if (['sort', 'withTestUser'].includes(name)) continue; // an order leaves nobody out, nor do those who are left out without it
    assert.ok(by.some(({ want }) => want.length < users.length), `no search leaves anybody out by ${name}`);
  }
});

test('invitations', options, async (t) => {
  const { client, management, token } = await newPlace(t);
  const [guest, other] = ['guest@shop.example', 'other@shop.example'];
  assert.equal((await ok(management.user.invite(guest, { email: guest, inviteUrl: come, sendMail: true }))).status, 'invited');
  await session(client, client.magicLink.verify(await token(guest)), guest);
  assert.equal((await ok(management.user.load(guest))).status, 'enabled');
  assert.equal((await ok(management.user.inviteBatch([{ loginId: other, email: other }], come, true))).createdUsers.length, 1);
  await session(client, client.magicLink.verify(await token(other)), other);
});

test('attributes of users', options, async (t) => {
  const { user } = (await newPlace(t)).management;
  const names = (answer) => (answer.data ?? answer).map((a) => a.name);
  await ok(user.createCustomAttributes([{ name: 'ink', displayName: 'Ink', type: 1 }]));
  assert.deepEqual(names(await ok(user.getCustomAttributes())).sort(), ['ink', 'shelf']);
  await ok(user.deleteCustomAttributes(['ink']));
  assert.deepEqual(names(await ok(user.getCustomAttributes())), ['shelf']);
});

test('access keys', options, async (t) => {
  const { client, management } = await newPlace(t);
  const { accessKey } = management;
  const { cleartext, key } = await ok(accessKey.create('till', 0, ['Reader']));
  assert.ok(client.validateRoles(await client.exchangeAccessKey(cleartext), ['Reader']));
  assert.ok((await ok(client.accessKey.exchange(cleartext))).sessionJwt);
  const newer = (await ok(accessKey.rotate(key.id))).cleartext;
  await assert.rejects(client.exchangeAccessKey(cleartext));
  for (const [change, works] of [
    [() => accessKey.deactivate(key.id), false],
    [() => accessKey.activate(key.id), true],
    [() => accessKey.deactivateBatch([key.id]), false],
    [() => accessKey.activateBatch([key.id]), true],
    [() => accessKey.update(key.id, 'the till'), true],
  ]) {
    await ok(change());
    await client.exchangeAccessKey(newer).then(() => assert.ok(works), (e) => assert.ok(!works, e));
  }
  assert.equal((await ok(accessKey.load(key.id))).name, 'the till');
  const other = await ok(accessKey.create('scales', 0));
  assert.equal((await ok(accessKey.searchAll())).length, 2);
  await ok(accessKey.delete(key.id));
  await ok(accessKey.deleteBatch([other.key.id]));
  assert.deepEqual(await ok(accessKey.searchAll()), []);
});

test('tenants', options, async (t) => {
  const { tenant, password, group } = (await newPlace(t)).management;
  const { id } = await ok(tenant.create('Harbour', ['harbour.example']));
  const settings = await ok(password.getSettings(''));
  await steps([
    ['passwords', () => password.configureSettings('', { ...settings, minLength: 12 })],
    ['passwords of the tenant', () => password.configureSettings(id, { ...settings, minLength: 20 })],
    ['passwords again', () => password.getSettings(''), (s) => s.minLength === 12],
    ['passwords of the tenant again', () => password.getSettings(id), (s) => s.minLength === 20],
    ['update', () => tenant.update(id, 'Old harbour')],
    ['default roles', () => tenant.updateDefaultRoles(id, ['Reader'])],
    ['load', () => tenant.load(id), (one) => one.name === 'Old harbour'],
    ['all', () => tenant.loadAll(), (all) => all.length === 1],
    ['search', () => tenant.searchAll(undefined, ['Old harbour']), (all) => all.length === 1],
    ['settings', () => tenant.configureSettings(id, { enabled: true, sessionTokenExpiration: 5, sessionTokenExpirationUnit: 'minutes' })],
    ['settings again', () => tenant.getSettings(id), (s) => s.enabled && s.sessionTokenExpiration === 5],
    ['groups', () => group.loadAllGroups(id), (all) => all.length === 0],
    ['groups of members', () => group.loadAllGroupsForMember(id, [], ['ann']), (all) => all.length === 0],
    ['members of a group', () => group.loadAllGroupMembers(id, 'g1'), (all) => all.length === 0],
    ['delete', () => tenant.delete(id, true)],
  ]);
  await refused(tenant.load(id));
});

test('roles and permissions', options, async (t) => {
  const { tenant, role, permission } = (await newPlace(t)).management;
  await ok(tenant.createWithId('hill', 'Hill'));
  const idOf = async (of, name) => (await ok(of.loadAll())).find((each) => each.name === name).id;
  const has = (name) => (all) => all.some((each) => each.name === name);
  await steps([
    ['create', () => permission.create('till:open', 'Open the till')],
    ['create some', () => permission.createBatch([{ name: 'till:count' }, { name: 'till:close' }])],
    ['update', () => permission.update('till:open', 'till:unlock')],
    ['update some', () => permission.updateBatch([{ name: 'till:count', newName: 'till:reckon' }])],
    ['update by the id', async () => permission.updateWithId(await idOf(permission, 'till:reckon'), 'till:count')],
    ['load', () => permission.loadAll(), (all) => has('till:unlock')(all) && has('till:count')(all)],
    ['create a role', () => role.create('Cashier', 'At the till', ['till:unlock'])],
    ['create a role of a tenant', () => role.create('Captain', '', ['till:unlock'], 'hill')],
    ['create some roles', () => role.createBatch([{ name: 'Counter', permissionNames: ['till:count'] }]), has('Counter')],
    ['update a role', () => role.update('Cashier', 'Head cashier', '', ['till:unlock'])],
    ['update some roles', () => role.updateBatch([{ name: 'Counter', newName: 'Reckoner', permissionNames: ['till:count'] }]), has('Reckoner')],
    ['update a role by its id', async () => role.updateWithId(await idOf(role, 'Reckoner'), 'Counter')],
    ['search', () => role.search({ roleNames: ['Head cashier'] }), (all) => all.length === 1],
    ['load roles', () => role.loadAll(), (all) => has('Counter')(all) && has('Captain')(all)],
    ['delete a role', () => role.delete('Captain', 'hill')],
    ['delete a role by its id', async () => role.deleteWithId(await idOf(role, 'Counter'))],
    ['delete some roles', () => role.deleteBatch(['Head cashier'])],
    ['delete', () => permission.delete('till:unlock')],
    ['delete by the id', async () => permission.deleteWithId(await idOf(permission, 'till:count'))],
    ['delete some', () => permission.deleteBatch(['till:close'])],
  ]);
  assert.ok(!(await ok(permission.loadAll())).some((p) => p.name.startsWith('till:')));
});

test('tokens', options, async (t) => {
  const { client, management } = await newPlace(t);
  const { jwt, jwtTemplate, role, user } = management;
  const data = await session(client, jwt.signUp('ann', { email: 'ann@shop.example' }), 'ann');
  await session(client, jwt.signIn('ann'), 'ann');
  await session(client, jwt.signUpOrIn('bob', {}), 'bob');
  const newer = await ok(jwt.update(data.sessionJwt, { till: '7' }));
  assert.equal((await client.validateSession(newer.jwt)).token.till, '7');

  await ok(role.create('Support', '', ['Impersonate']));
  const helper = (await ok(user.create('helper', { roles: ['Support'] }))).userId;
  const impersonated = await ok(jwt.impersonate(helper, 'ann', false));
  assert.equal((await client.refreshSession(impersonated.jwt)).token.sub, data.user.userId);
  const stepped = await ok(jwt.impersonateStepup(helper, 'ann', false));
  assert.equal((await client.validateSession(stepped.jwt)).token.su, true);
  assert.equal((await client.refreshSession((await ok(jwt.stopImpersonation(stepped.jwt))).jwt)).token.sub, helper);
  assert.equal((await client.validateSession((await ok(jwt.anonymous({ basket: '3' }))).sessionJwt)).token.basket, '3');

  const template = await ok(jwtTemplate.create({ name: 'Till', type: 'user', authSchema: 'default', emptyClaimPolicy: 'none', template: { shop: 'one' } }));
  assert.equal((await ok(jwtTemplate.update({ ...template, description: 'What tills want to know' }))).description, 'What tills want to know');
  assert.equal((await ok(jwtTemplate.load(template.id))).name, 'Till');
  assert.ok(await ok(jwtTemplate.list()));
  assert.equal((await ok(jwtTemplate.validate(template.id, template))).valid, true);
  assert.equal((await ok(jwtTemplate.validate(template.id, { ...template, type: 'robot' }))).valid, false);
  await ok(jwtTemplate.delete(template.id));
  const [entry] = await ok(jwtTemplate.listLibrary());
  assert.equal((await ok(jwtTemplate.loadLibraryEntry(entry.id))).name, entry.name);
  assert.equal((await ok(jwtTemplate.applyFromLibrary({ libraryEntryId: entry.id, nameOverride: 'Ours' }))).name, 'Ours');

  const assertion = await ok(jwt.generateClientAssertionJwt('https://shop.example', 'till', ['https://bank.example'], 300));
  assert.equal(JSON.parse(Buffer.from(assertion.jwt.split('.')[1], 'base64url')).sub, 'till');
});

test('records of the audit, and what is counted', options, async (t) => {
  const { analytics, audit, user } = (await newPlace(t)).management;
  await ok(audit.createEvent({ action: 'till.opened', type: 'warn', actorId: 'the clerk', tenantId: 'hill', userId: 'U1', data: { till: '7' } }));
  const [found] = await ok(audit.search({ actions: ['till.opened'], userIds: ['U1'] }));
  assert.equal(found.action, 'till.opened');
  assert.equal(found.data.till, '7');
  await ok(audit.createAuditWebhook({ name: 'Desk', url: 'https://desk.example/in', authentication: { bearerToken: 'planted-in-a-webhook' } }));
  await ok(user.create('ann'));
  assert.ok((await ok(analytics.search({ groupByAction: true }))).some((r) => r.action === 'UserCreated' && Number(r.cnt) === 1));
});

test('management keys', options, async (t) => {
  const { management, projectId } = await newPlace(t);
  const { managementKey } = management;
  const rebac = { projectRoles: [{ projectIds: [projectId], roles: ['project-admin'] }] };
  const { key, cleartext } = await ok(managementKey.create('a key', rebac));
  t.after(() => managementKey.delete([key.id]));
  await ok(open(projectId, { managementKey: cleartext }).management.project.exportSnapshot());
  assert.equal((await ok(managementKey.update(key.id, 'the key', 'of a test', 'inactive'))).name, 'the key');
  await refused(open(projectId, { managementKey: cleartext }).management.project.exportSnapshot());
  assert.equal((await ok(managementKey.load(key.id))).status, 'inactive');
  assert.ok((await ok(managementKey.search())).some((k) => k.id === key.id));
  await ok(managementKey.delete([key.id]));
});

test('users of another service', options, async (t) => {
  const { client, management } = await newPlace(t);
  const file = 'loginId,hash\nuna,$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\nnobody at all,no hash\n';
  for (const users of [file, new TextEncoder().encode(file)]) {
    const got = await ok(management.user.import('descope', users, undefined, true));
    assert.deepEqual([got.users.length, got.failures[0].user], [1, 'nobody at all']);
  }
  await refused(client.password.signIn('una', 'U*U'));
  await ok(management.user.import('descope', file));
  assert.ok((await client.password.signIn('una', 'U*U')).ok);
});
