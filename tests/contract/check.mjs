// Sends recorded exchanges through Prism, a validating proxy, on a forge's own
// description of its API: was every request as described, and every answer that
// the rehearsal gave? What stands behind the proxy repeats the recorded answer.
//
//   node check.mjs PRISM_FOLDER SPEC_FOLDER RECORD
//
// Exit status 0: no violations, and the check sees what it should see.

import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const [prismFolder, specFolder, recordFile] = process.argv.slice(2).map((path) => resolve(path));
const yaml = createRequire(join(prismFolder, 'node_modules', 'x.js'))('js-yaml');

/** The forges: their descriptions, which requests are theirs, and what the
 * descriptions lack or have wrong, each with the reason. */
const FORGES = [
  {
    name: 'GitLab',
    description: 'gitlab_issue_bot.slice.strict.yaml',
    path: (path) => (path.startsWith('/api/v4/') ? path : null),
    lacking: {
      'GET /api/v4/users/{}/keys': 'documented (List all SSH keys for a user), not in the slice',
      'GET /api/v4/groups/{}/projects': 'documented (List all projects in a group), not in the slice',
    },
    corrections: {
      'accounts: booleans, numbers and a list in doc/api/users.md, where the generated description has strings': ({ components }) => {
        for (const schema of ['APIEntitiesUser', 'APIEntitiesUserPublic'].map((name) => components.schemas[name])) {
          for (const name of ['bot', 'external', 'is_followed']) schema.properties[name] = { type: 'boolean' };
          for (const name of ['followers', 'following']) schema.properties[name] = { type: 'integer' };
          schema.properties.identities = { type: 'array' };
        }
      },
      'projects: `_links` and `permissions` are objects in doc/api/projects.md, where the generated description has strings': ({ components }) => {
        for (const schema of Object.values(components.schemas)) {
          const { _links, permissions } = schema.properties ?? {};
          if (!_links || !permissions) continue;
          Object.assign(schema.properties, { _links: { type: 'object' }, permissions: { type: 'object' } });
        }
      },
      'deleting a note: 204 has no body': ({ paths }) => {
        delete paths['/api/v4/projects/{id}/issues/{noteable_id}/notes/{note_id}'].delete.responses['204'].content;
      },
    },
  },
  {
    name: 'GitHub',
    description: 'github_issue_bot.slice.json',
    path: (path) => (path.startsWith('/api/v4/') ? null : path.replace(/^\/api\/v3(?=\/)/, '')),
    lacking: {
      'GET /user/{}': 'documented (Get a user using their ID), not in the slice',
      'GET /users/{}/keys': 'documented (List public keys for a user), not in the slice',
      'GET /orgs/{}/repos': 'documented (List organization repositories), not in the slice',
      'GET /repositories/{}': 'where GitHub redirects to when a repository was renamed; not documented',
      'GET /repositories/{}/issues/{}': 'where GitHub redirects to when an issue was transferred; not documented',
      'POST /api/graphql': 'described by a schema of its own',
    },
    corrections: {},
  },
];

/** How many exchanges are under way at once. */
const AT_ONCE = 8;
/** How long one of them, or Prism's start, may take. */
const PATIENCE = 60_000;

const started = [];
const folder = mkdtempSync(join(tmpdir(), 'innkeeper-contract.'));

// --- descriptions

class Description {
  constructor(forge) {
    this.forge = forge;
    const text = readFileSync(join(specFolder, forge.description), 'utf8');
    this.document = forge.description.endsWith('.json') ? JSON.parse(text) : yaml.load(text);
    for (const correct of Object.values(forge.corrections)) correct(this.document);
    this.operations = Object.entries(this.document.paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([method]) => ['get', 'put', 'post', 'patch', 'delete'].includes(method))
        .map(([method, operation]) => ({
          kind: `${method.toUpperCase()} ${path}`,
          method: method.toUpperCase(),
          pattern: new RegExp(`^${path.split(/\{[^}]*\}/).map(escaped).join('([^/]+)')}$`),
          parameters: path.split('{').length - 1,
          query: new Set(
            [...(item.parameters ?? []), ...(operation.parameters ?? [])]
              .map((parameter) => this.resolved(parameter))
              .filter((parameter) => parameter.in === 'query')
              .map((parameter) => parameter.name.replace(/\[\]$/, '')),
          ),
          operation,
        })),
    );
    // The most literal path wins.
    this.operations.sort((a, b) => a.parameters - b.parameters);
    this.tighten();
    spellNull(this.document);
    this.file = join(folder, `${forge.name}.json`);
    writeFileSync(this.file, JSON.stringify(this.document));
  }

  /** Forges ignore parameters they do not know; here a misspelt one is a mistake. */
  tighten() {
    const close = (schema) => {
      const { properties, additionalProperties, oneOf = [], anyOf = [] } = this.resolved(schema);
      if (properties && additionalProperties === undefined) this.resolved(schema).additionalProperties = false;
      [...oneOf, ...anyOf].forEach(close);
    };
    for (const { operation } of this.operations) {
      const contents = this.resolved(operation.requestBody ?? {}).content ?? {};
      for (const { schema } of Object.values(contents)) close(schema ?? {});
    }
  }

  resolved(thing) {
    if (!thing.$ref) return thing;
    const keys = thing.$ref.split('/').slice(1);
    return keys.reduce((value, key) => value[key.replaceAll('~1', '/').replaceAll('~0', '~')], this.document);
  }

  /** What a request is called that the description lacks: as in the list, or
   * as it is. */
  lacking(request) {
    const pattern = (kind) => new RegExp(`^${kind.split('{}').map(escaped).join('[^/]+')}$`);
    return Object.keys(this.forge.lacking).find((kind) => pattern(kind).test(request)) ?? request;
  }

  operationOf(method, path) {
    return this.operations.find((known) => known.method === method && known.pattern.test(path));
  }
}

/** `nullable` beside anything but a `type` makes Prism pass over the whole
 * schema in silence. */
function spellNull(thing) {
  if (thing === null || typeof thing !== 'object') return;
  Object.values(thing).forEach(spellNull);
  if (thing.nullable !== true || thing.type) return;
  delete thing.nullable;
  const { oneOf, anyOf, allOf, $ref } = thing;
  if (!oneOf && !anyOf && !allOf && !$ref) return;
  for (const name of ['oneOf', 'anyOf', 'allOf', '$ref']) delete thing[name];
  const kept = Object.entries({ oneOf, anyOf, allOf, $ref }).filter(([, value]) => value !== undefined);
  thing.anyOf = [Object.fromEntries(kept), { enum: [null] }];
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

// --- exchanges

/** Of all exchanges that look alike, one. */
async function distinct(file, descriptions) {
  const found = new Map();
  let read = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    read += 1;
    const exchange = JSON.parse(line);
    for (const description of descriptions) {
      const path = description.forge.path(exchange.path);
      if (path === null) continue;
      const operation = description.operationOf(exchange.method, path);
      const kind = operation?.kind ?? description.lacking(`${exchange.method} ${path}`);
      const shape = JSON.stringify([
        kind,
        path.split('/').map(shapeOf),
        [...new URLSearchParams(exchange.query)].map(([name, value]) => [name, shapeOf(value)]).sort(),
        Object.keys(exchange.headers).sort(),
        shapeOf(parsed(exchange.body)),
        exchange.answer.status,
        exchange.answer.headers['content-type'],
        shapeOf(parsed(exchange.answer.body)),
      ]);
      if (!found.has(shape)) found.set(shape, { ...exchange, path, description, operation, kind });
    }
  }
  return { read, exchanges: [...found.values()] };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What kind of value it is: the same for values that a description could only
 * judge alike. */
function shapeOf(value) {
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(shapeOf(item))))].sort();
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (typeof value === 'object') {
    const fields = Object.entries(value).map(([name, field]) => [name, shapeOf(field)]);
    return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  if (value === '') return 'nothing';
  if (/^\d+$/.test(value)) return 'digits';
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return 'date';
  if (/^\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-]\d\d:?\d\d)$/.test(value)) return 'time';
  // Words may be one of a few that are allowed.
  if (/^[A-Za-z_]{1,20}$/.test(value)) return `=${value}`;
  return 'text';
}

// --- the proxy

/** Repeats the recorded answer of the exchange that the request names. */
async function upstream(answers) {
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => {
      const answer = answers.get(request.headers['x-exchange']);
      // Without `location`: the proxy would go there itself.
      const { 'transfer-encoding': _, location: __, ...headers } = answer.headers;
      response.writeHead(answer.status, headers).end(answer.body);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  started.push(() => server.close());
  return server.address().port;
}

async function freePort() {
  const server = http.createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function prism(description, upstreamPort) {
  const port = await freePort();
  const program = join(prismFolder, 'node_modules', '@stoplight', 'prism-cli', 'dist', 'index.js');
  const child = spawn(
    process.execPath,
    [program, 'proxy', description.file, `http://127.0.0.1:${upstreamPort}`, '-h', '127.0.0.1', '-p', String(port)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  started.push(() => child.kill());
  await new Promise((done, failed) => {
    let said = '';
    let listens = false;
    const hear = (data) => {
      if (listens) return;
      said += data;
      listens = said.includes('Prism is listening');
      if (listens) done();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', () => failed(new Error(`Prism did not start:\n${said}`)));
    setTimeout(() => failed(new Error(`Prism did not start in time:\n${said}`)), PATIENCE).unref();
  });
  return port;
}

/** What the proxy has against an exchange, as sentences. */
async function judged(exchange, number, port) {
  const { method, path, query, body, description } = exchange;
  // Prism lets pass what it finds no path for, and parameters it does not know.
  const operation = description.operationOf(method, path);
  if (!operation) return ['request path: is not described'];
  const headers = { ...exchange.headers, 'x-exchange': String(number) };
  // Prism wants to see the scheme, too.
  if (headers.authorization) headers.authorization = 'Bearer withheld';
  delete headers.connection;
  if (body) headers['content-length'] = Buffer.byteLength(body);
  const found = [];
  for (const name of new URLSearchParams(query).keys()) {
    if (!operation.query.has(name.replace(/\[.*\]$/, ''))) {
      found.push(`request query: there is no parameter ${name}`);
    }
  }
  const answer = await new Promise((done, failed) => {
    const options = { host: '127.0.0.1', port, method, headers, path: query ? `${path}?${query}` : path };
    const request = http.request(options, (response) => {
      let text = '';
      response.on('data', (data) => (text += data)).on('end', () => done({ headers: response.headers, text }));
    });
    request.setTimeout(PATIENCE, () => request.destroy(new Error(`${method} ${path}: Prism did not answer`)));
    request.on('error', failed).end(body || undefined);
  });
  if ((answer.headers['content-type'] ?? '').startsWith('application/problem+json')) {
    const { title, detail } = JSON.parse(answer.text);
    found.push(`${title}: ${detail}`);
  }
  const violations = answer.headers['sl-violations'];
  if (violations?.startsWith('Too many')) {
    found.push(violations.slice(0, 1000));
  } else if (violations) {
    for (const { location, severity, code, message } of JSON.parse(violations)) {
      // An answer other than success that the description does not list: none lists them all.
      if (severity !== 'Error') continue;
      const place = location.map((part) => (/^\d+$/.test(part) ? '#' : part)).join(' ');
      found.push(`${place}: ${message.replace(/\b\d+\./g, '#.')}${code ? ` (${code})` : ''}`);
    }
  }
  return [...new Set(found)];
}

/** The number of each exchange to what was found, by forge. */
async function judge(exchanges) {
  const answers = new Map(exchanges.map((exchange, number) => [String(number), exchange.answer]));
  const behind = await upstream(answers);
  const ports = new Map();
  for (const { description } of exchanges) {
    if (!ports.has(description)) ports.set(description, await prism(description, behind));
  }
  const found = new Array(exchanges.length);
  let next = 0;
  const worker = async () => {
    while (next < exchanges.length) {
      const number = next++;
      found[number] = await judged(exchanges[number], number, ports.get(exchanges[number].description));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found;
}

// --- does the check see anything?

/** Exchanges broken on purpose, of those that were found to be fine. */
function broken(exchanges) {
  const mutations = [
    ['a misspelt parameter in a body', (e) => object(e.body) && { ...e, body: edited(e.body, renamed) }],
    ['a body of another type', (e) => object(e.body) && { ...e, body: edited(e.body, wrongTypes) }],
    ['a misspelt parameter in a query', (e) => e.query && { ...e, query: e.query.replace(/^[^=&]*/, '$&x') }],
    ['a path that is not there', (e) => e.path.includes('/issues') && { ...e, path: e.path.replace('/issues', '/isues') }],
    ['a wrong type in an answer', (e) => e.answer.status < 300 && [parsed(e.answer.body)].flat()[0]?.id && answering(e, { body: edited(e.answer.body, wrongId) })],
    ['an answer of success that is not described', (e) => e.answer.status < 300 && answering(e, { status: 299 })],
  ];
  const tests = [];
  for (const [what, mutate] of mutations) {
    // One of each kind of request.
    const kinds = new Map();
    for (const mutant of exchanges.map(mutate).filter(Boolean)) kinds.set(mutant.kind, mutant);
    for (const description of new Set(exchanges.map((exchange) => exchange.description))) {
      const own = [...kinds.values()].filter((mutant) => mutant.description === description);
      if (own.length === 0) throw new Error(`${description.forge.name}: nothing to break: ${what}`);
      tests.push(...own.map((exchange) => ({ what, exchange })));
    }
  }
  return tests;
}

function object(text) {
  const value = parsed(text);
  return value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0;
}

function edited(text, edit) {
  return JSON.stringify(edit(JSON.parse(text)));
}

function renamed(body) {
  const [[name, value]] = Object.entries(body);
  return { ...body, [`${name}x`]: value };
}

function answering(exchange, change) {
  return { ...exchange, answer: { ...exchange.answer, ...change } };
}

function wrongId(body) {
  if (Array.isArray(body)) return body.map(wrongId);
  return { ...body, id: 'three hundred' };
}

function wrongTypes(body) {
  return Object.fromEntries(Object.keys(body).map((name) => [name, { not: 'expected' }]));
}

// --- all of it

async function main() {
  const forges = FORGES.filter(({ description }) => existsSync(join(specFolder, description)));
  if (forges.length === 0) throw new Error(`no description of a forge in ${specFolder}`);
  const descriptions = forges.map((forge) => new Description(forge));
  const { read, exchanges } = await distinct(recordFile, descriptions);
  if (exchanges.length === 0) throw new Error(`nothing was recorded in ${recordFile}`);
  const known = exchanges.filter((exchange) => exchange.operation);
  console.log(`${read} exchanges, ${exchanges.length} that differ, ${known.length} of them described`);

  const found = await judge(known);
  const violations = new Map();
  known.forEach((exchange, number) => {
    for (const violation of found[number]) {
      const line = `${exchange.kind}: ${violation}`;
      violations.set(line, [...(violations.get(line) ?? []), exchange]);
    }
  });

  for (const { forge } of descriptions) {
    const kinds = new Map();
    for (const { kind } of known.filter(({ description }) => description.forge === forge)) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    if (kinds.size > 0) console.log(`\n${forge.name}: described`);
    for (const [kind, number] of [...kinds].sort()) console.log(`${String(number).padStart(6)}  ${kind}`);
    for (const reason of Object.keys(forge.corrections)) console.log(`  corrected  ${reason}`);
    const others = new Set(
      exchanges.filter((e) => e.description.forge === forge && !e.operation).map(({ kind }) => kind),
    );
    for (const kind of [...others].sort()) {
      if (forge.lacking[kind]) console.log(`  none  ${kind}: ${forge.lacking[kind]}`);
      else violations.set(`${kind}: is not described`, [null]);
    }
  }

  const sound = known.filter((_, number) => found[number].length === 0);
  const tests = broken(sound);
  const caught = await judge(tests.map(({ exchange }) => exchange));
  const blind = tests.filter((_, number) => caught[number].length === 0);
  console.log(`\nBroken on purpose, to see that it is found: ${tests.length - blind.length} of ${tests.length}`);
  tests.forEach(({ what, exchange }, number) => {
    if (caught[number].length === 0) console.log(`  NOT FOUND: ${what}, ${exchange.kind}`);
  });

  console.log(`\n${violations.size} violations`);
  for (const [line, where] of [...violations].sort()) {
    console.log(`${String(where.length).padStart(6)}  ${line}`);
    const [example] = where;
    if (example) {
      const { method, path, query, body, answer } = example;
      console.log(`        ${method} ${path}${query && `?${query}`} ${body.slice(0, 200)}`);
      console.log(`        ${answer.status} ${answer.body.slice(0, 300)}`);
    }
  }
  return violations.size === 0 && blind.length === 0;
}

function end() {
  for (const stop of started.splice(0)) stop();
  rmSync(folder, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    end();
    process.exit(130);
  });
}
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
} finally {
  end();
}
