// What HL7's FHIRPath (npm fhirpath) finds for every official search parameter in the resources on standard input.
//
//   node evaluate.mjs MODULES PARAMETERS < resources.ndjson > found.ndjson
//
// MODULES is the folder that holds node_modules, PARAMETERS the file Bundle-searchParams.json. Each line in is one resource. Each
// line out is, in the same order, {"CODE": FOUND, ...} of the parameters that found something, where FOUND is
//   [[PLACE, TYPE], ...]                      the nodes: where each is, and its FHIR data type; of a quantity in a UCUM unit also
//                                             {factor, unit, scale} as ucum-lhc knows it: the unit is the product of base units
//   [[[[PLACE, TYPE], ...], ...], ...]        of a composite: for each element, the nodes of each component
//   "message"                                 what the evaluation failed with
// A PLACE is a list of member names and indexes. Places and not values, because a number loses its last zeros in JavaScript.
//
// Four things that the official expressions say are read otherwise than FHIRPath 2.0 has them:
//   - resolve() is answered without a server: a reference is to the type that its text names as Type/id, at its end; one that names
//     none (urn:, #contained) is to what its member `type` says;
//   - "as" takes one item, and is written for elements that repeat (Observation.component.value): it is read as ofType(), as later
//     releases of the standard write it;
//   - the branches of "|" are evaluated each on its own: to leave out what is equal, fhirpath compares quantities, takes 1e-245 for
//     1e-22, and fails on one with a comparator;
//   - "DateTime" in Observation-code-value-date is no type of FHIR: it is read as dateTime.

import {createRequire} from "node:module";
import {createInterface} from "node:readline";
import {readFileSync} from "node:fs";
import {join} from "node:path";

const [modules, parameters] = process.argv.slice(2);
const load = createRequire(join(modules, "node_modules", "x.js"));
const fhirpath = load("fhirpath");
const r4 = load("fhirpath/fhir-context/r4");
const ucum = load("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();

let found = [];
const types = new Set(Object.keys(r4.type2Parent).filter((t) => isA(t, "Resource")));

function isA(type, parent) {
  for (; type; type = r4.type2Parent[type]) if (type === parent) return true;
  return false;
}

// A choice is asked for as "value" and stands in JSON as "valueQuantity".
function member(node) {
  const parent = node.parentResNode.data ?? {};
  const typed = node.propName + (node.fhirNodeDataType ?? "").replace(/^./, (c) => c.toUpperCase());
  return !(node.propName in parent) && typed in parent ? typed : node.propName;
}

function place(node) {
  const steps = [];
  for (let n = node; n.parentResNode; n = n.parentResNode) {
    if (n.index !== null && n.index !== undefined) steps.unshift(n.index);
    steps.unshift(member(n));
  }
  return steps;
}

const bases = ["m", "s", "g", "rad", "K", "C", "cd"];

// unitOf is the unit of a quantity; nothing for another node or another system's code.
function unitOf(node) {
  const quantity = node.data;
  if (quantity?.system !== "http://unitsofmeasure.org" || typeof quantity.code !== "string") return [];
  const {unit} = ucum.getSpecifiedUnit(quantity.code, "validate");
  if (!unit) return [];
  const powers = bases.map((base, i) => [base, unit.dim_.dimVec_?.[i] ?? 0]).filter(([, n]) => n !== 0).sort();
  const product = powers.map(([base, n]) => base + (n === 1 ? "" : n)).join(".") || "1";
  return [{factor: unit.magnitude_, unit: product, scale: unit.isArbitrary_ ? "arbitrary" : unit.cnv_ ?? ""}];
}

// Both see the engine's own nodes, which know where they are.
const functions = {
  found: {
    internalStructures: true, arity: {0: []},
    fn: (nodes) => {
      found = nodes.map((n) => (n?.constructor?.name === "ResourceNode" ? [place(n), n.fhirNodeDataType, ...unitOf(n)] : [null, "System", n]));
      return [];
    },
  },
  pointsTo: {
    internalStructures: true, arity: {1: ["String"]},
    fn: (nodes, type) => nodes.map((n) => {
      const named = /(?:^|\/)([A-Za-z]+)\/[A-Za-z0-9\-.]{1,64}(?:\/_history\/[A-Za-z0-9\-.]{1,64})?$/.exec(n.data?.reference ?? "")?.[1];
      return (types.has(named) ? named : n.data?.type) === type;
    }),
  },
};

function compile(expression) {
  const read = expression
    .replace(/where\(resolve\(\) is (\w+)\)/g, "where(pointsTo('$1'))")
    .replace(/ as (\w+)/g, ".ofType($1)").replace(/\bas\((\w+)\)/g, "ofType($1)").replace("DateTime", "dateTime");
  const runs = read.split("|").map((branch) => fhirpath.compile(`(${branch}).found()`, r4, {userInvocationTable: functions}));
  return (data, resource) => runs.flatMap((run) => {
    found = [];
    run(data, {resource});
    return found;
  });
}

// A composite is its elements, and on each element the components.
function composite(p) {
  const branches = p.expression.split("|").map((branch) => branch.trim()).map((base) => ({
    elements: fhirpath.compile(base, r4), components: p.component.map((c) => compile(c.expression)),
  }));
  return (resource) => branches.flatMap((branch) =>
    branch.elements(resource).map((element) => branch.components.map((component) => component(element, resource))));
}

function byType() {
  const table = new Map();
  for (const {resource: p} of JSON.parse(readFileSync(parameters, "utf8")).entry) {
    if (!p.expression) continue;
    for (const base of p.base) {
      for (const type of types) {
        if (isA(type, base)) table.set(type, [...(table.get(type) ?? []), p]);
      }
    }
  }
  return table;
}

const compiled = new Map();
function evaluator(p) {
  if (!compiled.has(p.url)) compiled.set(p.url, p.type === "composite" ? composite(p) : compile(p.expression));
  return compiled.get(p.url);
}

const table = byType();
for await (const line of createInterface({input: process.stdin, crlfDelay: Infinity})) {
  const resource = JSON.parse(line);
  const answer = {};
  for (const p of table.get(resource.resourceType) ?? []) {
    try {
      const nodes = evaluator(p)(resource, resource);
      if (nodes.length > 0) answer[p.code] = nodes;
    } catch (e) {
      answer[p.code] = String(e?.message ?? e);
    }
  }
  if (!process.stdout.write(JSON.stringify(answer) + "\n")) await new Promise((go) => process.stdout.once("drain", go));
}
