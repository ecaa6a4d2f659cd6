// SPDX-License-Identifier: Apache-2.0
// What dockerfile-utils, the checker of Visual Studio Code, says of the Dockerfile on stdin: a line for each problem;
// exit code 1 if there is one.
"use strict";

const { validate } = require("dockerfile-utils");

const problems = validate(require("fs").readFileSync(0, "utf8"));
problems.forEach((one) => console.log(`line ${one.range.start.line + 1}: ${one.message}`));
process.exitCode = problems.length > 0 ? 1 : 0;
