// A day of an interoperability engineer with fhir-kit-client (npm) against a running server.
//
//   node client.mjs MODULES BASE        with CLIENT_ID and CLIENT_SECRET in the environment
//
// Each step prints "ok NAME" when it has passed, and "FAILED NAME: why" otherwise; then the status at the end is 1.

import assert from "node:assert/strict";
import {join} from "node:path";
import {pathToFileURL} from "node:url";

const [modules, base] = process.argv.slice(2);
const {Client} = await import(pathToFileURL(join(modules, "node_modules/fhir-kit-client/dist/index.js")));
const client = new Client({baseUrl: base});
const httpOf = (answer) => Client.httpFor(answer).response;

async function step(name, run) {
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (e) {
    console.log(`FAILED ${name}: ${e.stack}\n${JSON.stringify(e.response?.data)?.slice(0, 2000)}`);
    process.exitCode = 1;
  }
}

// refused expects an error with the status, and an OperationOutcome in it.
async function refused(status, asked) {
  const error = await asked.then(() => assert.fail(`want ${status}`), (e) => e);
  assert.equal(error.response?.status, status, error.message);
  assert.equal(error.response.data.resourceType, "OperationOutcome");
  assert.ok(error.response.data.issue[0].details.text.length > 10);
  return error.response.data;
}

const allPages = async (first) => {
  const pages = [];
  for (let bundle = first; bundle; bundle = await client.nextPage({bundle})) pages.push(bundle);
  return pages;
};
const matches = (bundle) => (bundle.entry ?? []).filter((e) => e.search?.mode === "match").map((e) => e.resource);
const ids = (resources) => resources.map((r) => r.id);

const mark = `conformance-${process.pid}`;
const tag = {system: "urn:khamxa:conformance", code: mark};
const person = (family, given, more = {}) => ({
  resourceType: "Patient", meta: {tag: [tag]}, name: [{family, given: [given], text: `${family} ${given}`}], gender: "female", birthDate: "1958-03-12", ...more,
});
const glucose = (patient, value, when) => ({
  resourceType: "Observation", meta: {tag: [tag]}, status: "final", code: {coding: [{system: "http://loinc.org", code: "14743-9"}]},
  subject: {reference: patient}, effectiveDateTime: when, valueQuantity: {value, unit: "mmol/L", system: "http://unitsofmeasure.org", code: "mmol/L"},
});

let patient, second, capabilities;

await step("metadata without a token", async () => {
  capabilities = await client.capabilityStatement();
  assert.equal(capabilities.resourceType, "CapabilityStatement");
  assert.equal(capabilities.fhirVersion, "4.0.1");
  assert.equal(capabilities.rest[0].resource.length, 146);
});

await step("refused without a token", async () => {
  await refused(401, client.read({resourceType: "Patient", id: "x"}));
});

await step("token by client credentials, found by SMART discovery", async () => {
  // Not by smartAuthMetadata: it takes whatever answers first, and R4's older way in the CapabilityStatement is not served.
  const {token_endpoint: tokenUrl} = await client.request(".well-known/smart-configuration");
  assert.ok(tokenUrl, "discovery names no token endpoint");
  const secret = Buffer.from(`${process.env.CLIENT_ID}:${process.env.CLIENT_SECRET}`).toString("base64");
  const ask = (authorization) => fetch(tokenUrl, {
    method: "POST", headers: {authorization}, body: new URLSearchParams({grant_type: "client_credentials", scope: "system/*.cruds"}),
  });
  assert.equal((await ask("Basic " + Buffer.from(`${process.env.CLIENT_ID}:wrong`).toString("base64"))).status, 401);
  const answer = await ask(`Basic ${secret}`);
  assert.equal(answer.status, 200);
  const token = await answer.json();
  assert.equal(token.token_type.toLowerCase(), "bearer");
  assert.ok(token.expires_in > 0);
  client.bearerToken = token.access_token;
});

await step("create", async () => {
  const body = person("Nguyễn", "Hòa");
  patient = await client.create({resourceType: "Patient", body});
  assert.equal(httpOf(patient).status, 201);
  assert.match(httpOf(patient).headers.get("location"), new RegExp(`/Patient/${patient.id}/_history/1$`));
  assert.equal(httpOf(patient).headers.get("etag"), 'W/"1"');
  assert.deepEqual(patient.name, body.name);
});

await step("create, refused", async () => {
  const outcome = await refused(400, client.create({resourceType: "Patient", body: {resourceType: "Observation"}}));
  assert.equal(outcome.issue[0].severity, "error");
});

await step("conditional create", async () => {
  const body = person("Trần", "Lan", {identifier: [{system: "urn:khamxa:conformance", value: mark}]});
  const options = {headers: {"If-None-Exist": `identifier=urn:khamxa:conformance|${mark}`}};
  second = await client.create({resourceType: "Patient", body, options});
  const again = await client.create({resourceType: "Patient", body, options});
  assert.equal(httpOf(again).status, 200);
  assert.equal((await client.search({resourceType: "Patient", searchParams: {identifier: `urn:khamxa:conformance|${mark}`, _summary: "count"}})).total, 1);
});

await step("read, and not again what has not changed", async () => {
  const read = await client.read({resourceType: "Patient", id: patient.id});
  assert.deepEqual(read, patient);
  const unchanged = await client.read({resourceType: "Patient", id: patient.id, options: {headers: {"If-None-Match": httpOf(read).headers.get("etag")}}}).catch((e) => e);
  assert.equal(unchanged.response?.status, 304);
  await refused(404, client.read({resourceType: "Patient", id: "nobody"}));
});

await step("update, version by version", async () => {
  const updated = await client.update({resourceType: "Patient", id: patient.id, body: {...patient, active: true}, options: {headers: {"If-Match": 'W/"1"'}}});
  assert.equal(updated.meta.versionId, "2");
  await refused(412, client.update({resourceType: "Patient", id: patient.id, body: patient, options: {headers: {"If-Match": 'W/"1"'}}}));
  assert.equal((await client.vread({resourceType: "Patient", id: patient.id, version: "1"})).active, undefined);
  const same = await client.update({resourceType: "Patient", id: patient.id, body: updated});
  assert.equal(same.meta.versionId, "2", "what says the same makes no version");
  patient = same;
});

await step("conditional update", async () => {
  const body = {...second, id: undefined, birthDate: "1960-01-01"};
  const updated = await client.update({resourceType: "Patient", searchParams: {identifier: `urn:khamxa:conformance|${mark}`}, body});
  assert.equal(updated.id, second.id);
  assert.equal(updated.birthDate, "1960-01-01");
});

await step("JSON Patch", async () => {
  const patched = await client.patch({resourceType: "Patient", id: patient.id, jsonPatch: [{op: "test", path: "/active", value: true}, {op: "add", path: "/name/0/prefix", value: ["Bà"]}]});
  assert.deepEqual(patched.name[0].prefix, ["Bà"]);
  assert.equal(patched.meta.versionId, "3");
  patient = patched;
});

await step("transaction", async () => {
  const fullUrl = "urn:uuid:7d3c1f0a-0000-4000-8000-000000000001";
  const entry = [{fullUrl, resource: person("Lê", "Mai"), request: {method: "POST", url: "Patient"}}];
  for (let i = 0; i < 25; i++) {
    entry.push({resource: glucose(fullUrl, 4 + i / 10, `2026-03-${String(i + 1).padStart(2, "0")}`), request: {method: "POST", url: "Observation"}});
  }
  const answer = await client.transaction({body: {resourceType: "Bundle", type: "transaction", entry}});
  assert.equal(answer.type, "transaction-response");
  assert.equal(answer.entry.length, 26);
  assert.ok(answer.entry.every((e) => e.response.status.startsWith("201")));
  const observation = await client.read({resourceType: "Observation", id: answer.entry[1].response.location.match(/Observation\/([^/]+)/)[1]});
  assert.equal(observation.subject.reference, "Patient/" + answer.entry[0].response.location.match(/Patient\/([^/]+)/)[1]);
});

await step("transaction, all or nothing", async () => {
  const entry = [
    {resource: person("Phạm", "Tuấn"), request: {method: "POST", url: "Patient"}},
    {resource: {resourceType: "Patient", id: patient.id}, request: {method: "PUT", url: `Patient/${patient.id}`, ifMatch: 'W/"1"'}},
  ];
  await refused(412, client.transaction({body: {resourceType: "Bundle", type: "transaction", entry}}));
  assert.equal((await client.search({resourceType: "Patient", searchParams: {_tag: `${tag.system}|${mark}`, family: "Phạm", _summary: "count"}})).total, 0);
});

await step("batch, each on its own", async () => {
  const entry = [{request: {method: "GET", url: `Patient/${patient.id}`}}, {request: {method: "GET", url: "Patient/nobody"}}];
  const answer = await client.batch({body: {resourceType: "Bundle", type: "batch", entry}});
  assert.deepEqual(answer.entry.map((e) => e.response.status.slice(0, 3)), ["200", "404"]);
});

await step("search with pages", async () => {
  const searchParams = {_tag: `${tag.system}|${mark}`, _sort: "-date", _count: 4, _total: "accurate"};
  const pages = await allPages(await client.search({resourceType: "Observation", searchParams}));
  assert.equal(pages.length, 7);
  assert.equal(pages[0].total, 25);
  const dates = pages.flatMap(matches).map((o) => o.effectiveDateTime);
  assert.equal(dates.length, 25);
  assert.deepEqual(dates, [...dates].sort().reverse());
  const posted = await client.search({resourceType: "Observation", searchParams: {...searchParams, _count: 50}, options: {postSearch: true}});
  assert.deepEqual(ids(matches(posted)), ids(pages.flatMap(matches)));
});

await step("search by folded name, chain, quantity, _has, with includes", async () => {
  const ours = {_tag: `${tag.system}|${mark}`};
  const find = async (resourceType, searchParams) => matches(await client.search({resourceType, searchParams: {...ours, _count: 100, ...searchParams}}));
  assert.deepEqual(ids(await find("Patient", {name: "nguyen hoa"})), [patient.id]);
  assert.equal((await find("Observation", {"subject:Patient.family": "Lê"})).length, 25);
  assert.equal((await find("Observation", {"value-quantity": "ge6.0|http://unitsofmeasure.org|mmol/L"})).length, 5);
  assert.equal((await find("Observation", {"code-value-quantity": "14743-9$lt4.5"})).length, 5);
  assert.equal((await find("Patient", {"_has:Observation:patient:code": "http://loinc.org|14743-9"})).length, 1);
  const both = await client.search({resourceType: "Observation", searchParams: {...ours, _include: "Observation:patient", _count: 3}});
  assert.deepEqual(both.entry.map((e) => e.search.mode), ["match", "match", "match", "include"]);
});

await step("an unknown parameter is refused, unless asked to be lenient", async () => {
  await refused(400, client.search({resourceType: "Patient", searchParams: {nmae: "Hoa"}}));
  const lenient = await client.search({resourceType: "Patient", searchParams: {nmae: "Hoa", _count: 1}, options: {headers: {prefer: "handling=lenient"}}});
  assert.ok(lenient.entry.some((e) => e.search.mode === "outcome"));
});

await step("search of a compartment and of the system", async () => {
  const owner = matches(await client.search({resourceType: "Patient", searchParams: {_tag: `${tag.system}|${mark}`, family: "Lê"}}))[0];
  const inside = await client.search({resourceType: "Observation", compartment: {resourceType: "Patient", id: owner.id}, searchParams: {_summary: "count"}});
  assert.equal(inside.total, 25);
  const everywhere = await client.search({searchParams: {_type: "Patient,Observation", _tag: `${tag.system}|${mark}`, _summary: "count"}});
  assert.equal(everywhere.total, 28);
});

await step("history of a resource, a type and the system", async () => {
  const own = await client.history({resourceType: "Patient", id: patient.id});
  assert.equal(own.type, "history");
  assert.deepEqual(own.entry.map((e) => e.resource.meta.versionId), ["3", "2", "1"]);
  const ofType = await client.history({resourceType: "Patient"});
  assert.ok(ofType.entry.some((e) => e.resource?.id === patient.id));
  const since = encodeURIComponent(patient.meta.lastUpdated);
  const later = await allPages(await client.request(`_history?_since=${since}&_count=10`));
  assert.ok(later.flatMap((b) => b.entry ?? []).filter((e) => e.request.url.startsWith("Observation")).length >= 25);
});

await step("$everything", async () => {
  const owner = matches(await client.search({resourceType: "Patient", searchParams: {_tag: `${tag.system}|${mark}`, family: "Lê"}}))[0];
  const pages = await allPages(await client.operation({name: "$everything", resourceType: "Patient", id: owner.id, method: "GET", input: {_count: 10}}));
  const all = pages.flatMap((b) => b.entry ?? []).map((e) => e.resource);
  assert.equal(all.filter((r) => r.resourceType === "Observation").length, 25);
  assert.equal(all.filter((r) => r.resourceType === "Patient").length, 1);
  assert.equal(new Set(all.map((r) => `${r.resourceType}/${r.id}`)).size, all.length);
});

await step("$validate", async () => {
  const good = await client.operation({name: "$validate", resourceType: "Patient", input: person("Vũ", "Hà")});
  assert.equal(good.resourceType, "OperationOutcome");
  assert.ok(good.issue.every((i) => i.severity !== "error"));
  const bad = await client.operation({name: "$validate", resourceType: "Patient", input: {resourceType: "Patient", gender: "woman"}}).catch((e) => e.response.data);
  assert.ok(bad.issue.some((i) => i.severity === "error"));
});

await step("resolve a reference", async () => {
  const [observation] = matches(await client.search({resourceType: "Observation", searchParams: {_tag: `${tag.system}|${mark}`, _count: 1}}));
  const owner = await client.resolve({reference: observation.subject.reference, context: observation});
  assert.equal(owner.name[0].family, "Lê");
});

await step("delete, and delete by search", async () => {
  await client.delete({resourceType: "Patient", id: patient.id});
  await refused(410, client.read({resourceType: "Patient", id: patient.id}));
  assert.equal((await client.history({resourceType: "Patient", id: patient.id})).entry[0].request.method, "DELETE");
  await client.request(`Patient?identifier=urn:khamxa:conformance|${mark}`, {method: "DELETE"});
  await refused(410, client.read({resourceType: "Patient", id: second.id}));
});
