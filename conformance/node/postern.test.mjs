// Drives a running server with the official Node SDK. The suite one folder up starts the server and names it in the
// environment; every test works in a clone of its own of the empty project.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { test } from 'node:test';
import { emptyProject, env, ok, open as client, options, refused, unique } from './sdk.mjs';

const open = (projectId, more) => client(projectId, more).management.project;

// Reads a snapshot folder the way the command line tool does.
function readFolder(root) {
  const files = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const full = join(entry.parentPath ?? entry.path, entry.name);
    const path = relative(root, full).split(sep).join('/');
    if (!entry.isFile() || path.split('/').some((part) => part.startsWith('.') || part.startsWith('__MACOSX'))) continue;
    const data = readFileSync(full);
    const kind = extname(full);
    if (kind === '.json') files[path] = JSON.parse(data);
    else if (['.txt', '.html'].includes(kind)) files[path] = data.toString();
    else if (['.png', '.jpg', '.svg', '.webp'].includes(kind)) files[path] = data.toString('base64');
  }
  return files;
}

// Takes out how a stored secret is marked, and the line end that the command line tool puts after a text.
function canonical(files) {
  const blanked = JSON.parse(JSON.stringify(files), (_, value) => (value === 'PLACEHOLDER_VALUE' ? '' : value));
  for (const [path, value] of Object.entries(blanked)) {
    if (['.txt', '.html'].includes(extname(path))) blanked[path] = value.replace(/\n$/, '');
  }
  return blanked;
}

const wireLists = { connector: 'connectors', oauthprovider: 'oauthProviders', outboundapp: 'outboundApps', externalauth: 'externalAuth' };

// Reads a secrets file, as the command line tool writes it or as it travels.
function readSecrets(path) {
  const file = JSON.parse(readFileSync(path));
  if (file.connectors) return file;
  const secrets = {};
  for (const [name, entry] of Object.entries(file)) {
    const [, kind, id] = name.match(/^([a-z]+)-(.*)$/);
    for (const [type, value] of Object.entries(entry.secrets)) {
      (secrets[wireLists[kind]] ??= []).push({ id, name: entry.name, type, value });
    }
  }
  return secrets;
}

const secretIds = (secrets = {}) =>
  Object.entries(secrets).flatMap(([list, entries]) => (entries ?? []).map((s) => `${list}/${s.id}/${s.name}/${s.type}`)).sort();

const shop = () => readFolder(env('POSTERN_EXAMPLE'));
const secrets = () => readSecrets(env('POSTERN_EXAMPLE_SECRETS'));

async function newProject(t, name = 'node') {
  const { projectId } = await ok(open(emptyProject).clone(unique(name)));
  t.after(() => open(projectId).delete());
  return { id: projectId, project: open(projectId) };
}

async function newShop(t) {
  const made = await newProject(t, 'node shop');
  await ok(made.project.importSnapshot({ files: shop(), inputSecrets: secrets() }));
  return made;
}

test('export gives back what was imported', options, async (t) => {
  const { project } = await newShop(t);
  const { files } = await ok(project.exportSnapshot());
  assert.deepEqual(canonical(files), canonical(shop()));
  for (const secret of Object.values(secrets()).flat()) {
    assert.ok(secret.value.length < 8 || !JSON.stringify(files).includes(secret.value), `the export shows ${secret.type} of ${secret.name}`);
  }
});

test('the audit tells of the import', options, async (t) => {
  const { id } = await newShop(t);
  const { audit } = client(id).management;
  const records = await ok(audit.search({ actions: ['project.import'], from: Date.now() - 3_600_000 }));
  assert.equal(records.length, 1);
  assert.equal(records[0].type, 'info');
  assert.equal(records[0].projectId, id);
  assert.ok(Math.abs(records[0].occurred - Date.now()) < 3_600_000, `occurred ${records[0].occurred}`);
  assert.equal(records[0].data.revision, 1);

  const found = await ok(audit.searchAll({ text: 'IMPORT', to: Date.now() + 3_600_000 }));
  assert.equal(found.total, 1);
  assert.deepEqual(found.audits, records);
  assert.deepEqual(await ok(audit.search({ loginIds: ['somebody'] })), []);
  assert.deepEqual(await ok(audit.search({ tenants: ['T1'], excludedActions: ['project.import'] })), []);
  assert.equal((await ok(audit.search({ tenants: ['T1'], noTenants: true }))).length, 2);
});

test('import of an export changes nothing', options, async (t) => {
  const { project } = await newShop(t);
  const { files } = await ok(project.exportSnapshot());
  await ok(project.importSnapshot({ files }));
  assert.deepEqual((await ok(project.exportSnapshot())).files, files);
  await ok(project.import(files));
  assert.deepEqual(await ok(project.export()), files);
});

test('validate lists exactly the missing secrets', options, async (t) => {
  const { project } = await newProject(t);
  const without = await ok(project.validateSnapshot({ files: shop() }));
  assert.equal(without.ok, false);
  assert.ok(without.failures.length > 0);
  assert.deepEqual(secretIds(without.missingSecrets), secretIds(secrets()));
  await refused(project.importSnapshot({ files: shop() }));

  const filled = await ok(project.validateSnapshot({ files: shop(), inputSecrets: secrets() }));
  assert.equal(filled.ok, true, JSON.stringify(filled.failures));
  assert.deepEqual(secretIds(filled.missingSecrets), []);
});

test('a bad file is refused with a code and changes nothing', options, async (t) => {
  const { project } = await newShop(t);
  const { files } = await ok(project.exportSnapshot());
  const error = await refused(project.importSnapshot({ files: { ...files, 'roles.json': { roles: 'admin' } } }));
  assert.match(JSON.stringify(error), /roles/);
  assert.deepEqual((await ok(project.exportSnapshot())).files, files);
});

// Only `lists` passes the Go SDK and the command line tool; this one sends whatever it is given.
test('what is excluded stays as it is', options, async (t) => {
  const { project } = await newShop(t);
  const { files } = await ok(project.exportSnapshot());
  const changed = structuredClone(files);
  changed['roles.json'].roles[0].description = 'changed by the conformance suite';
  changed['lists.json'].lists = [];
  await ok(project.importSnapshot({ files: changed, excludes: ['authorization', 'lists'] }));
  assert.deepEqual((await ok(project.exportSnapshot())).files, files);
});

test('an unknown exclude is refused and the valid ones are named', options, async (t) => {
  const { project } = await newShop(t);
  const error = JSON.stringify(await refused(project.importSnapshot({ files: shop(), excludes: ['nonsense'] })));
  for (const word of ['nonsense', 'lists', 'ssoApps']) assert.ok(error.includes(word), `${word} is not in ${error}`);
});

test('a clone is listed and is equal', options, async (t) => {
  const { project } = await newShop(t);
  const name = unique('node clone');
  const made = await ok(project.clone(name, 'production', ['a', 'b']));
  t.after(() => open(made.projectId).delete());
  assert.equal(made.projectName, name);
  assert.equal(made.environment, 'production');
  assert.deepEqual(made.tags, ['a', 'b']);

  const clone = open(made.projectId);
  const listed = (await ok(clone.listProjects())).find((p) => p.id === made.projectId);
  assert.deepEqual(listed, { id: made.projectId, name, environment: 'production', tags: ['a', 'b'] });
  assert.deepEqual((await ok(clone.exportSnapshot())).files, (await ok(project.exportSnapshot())).files);
});

test('name and tags are changed', options, async (t) => {
  const { id, project } = await newProject(t);
  const name = unique('node renamed');
  await ok(project.updateName(name));
  await ok(project.updateTags(['one', 'two']));
  const listed = (await ok(project.listProjects())).find((p) => p.id === id);
  assert.equal(listed.name, name);
  assert.deepEqual(listed.tags, ['one', 'two']);
});

test('a deleted project is gone', options, async (t) => {
  const { id, project } = await newProject(t);
  await ok(project.delete());
  assert.ok(!(await ok(open(emptyProject).listProjects())).some((p) => p.id === id));
  await refused(project.exportSnapshot(), 'E011008');
});

test('a wrong key is refused', options, async () => {
  await refused(open(emptyProject, { managementKey: 'Kwrong' }).exportSnapshot(), 'E111003');
});
