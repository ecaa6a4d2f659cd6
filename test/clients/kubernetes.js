// SPDX-License-Identifier: Apache-2.0
// Objects of Kubernetes, a JSON list on stdin, against its schemas: types, what is required, and names that no schema
// has. Each problem is a line on stdout; exit code 1 if there is one.
"use strict";

// The schemas are compiled into functions that read each property they know of; what they never read is unknown.
function watched(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  const cache = new Map();
  if (!Array.isArray(value)) for (const key of Object.keys(value)) unread.add(`${path}/${key}`);
  return new Proxy(value, {
    get(target, key) {
      const below = `${path}/${String(key)}`;
      unread.delete(below);
      if (!cache.has(key)) cache.set(key, watched(target[key], below, unread));
      return cache.get(key);
    },
  });
}

function problems(object) {
  const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
  const kind = require(["kubernetes-models", group, version, object.kind].filter(Boolean).join("/"))[object.kind];
  const unread = new Set();
  const found = [];
  try {
    const model = new kind(object);
    kind.prototype.validate.call(watched(model, "", unread));
  } catch (error) {
    found.push(error.message);
  }
  return found.concat([...unread].map((path) => `${path} is not known`));
}

const objects = JSON.parse(require("fs").readFileSync(0, "utf8"));
const lines = objects.flatMap((object) => problems(object).map((line) => `${object.kind}: ${line}`));
lines.forEach((line) => console.log(line));
process.exitCode = lines.length > 0 ? 1 : 0;
