/**
 * Adds up the test reports of all packages and prints one line,
 * `N passed, N failed`. A package without a report counts as a failure.
 */
import * as fs from "node:fs"

const folders = [
  ...fs.readdirSync("packages").map((name) => `packages/${name}`),
  ...fs.readdirSync("examples").map((name) => `examples/${name}`),
  "torture"
].filter((folder) => fs.existsSync(`${folder}/package.json`))

let passed = 0
let failed = 0
for (const folder of folders) {
  const file = `${folder}/.reports/vitest.json`
  if (!fs.existsSync(file)) {
    console.error(`${folder} left no test report`)
    failed += 1
    continue
  }
  const report = JSON.parse(fs.readFileSync(file, "utf8")) as {
    readonly numPassedTests: number
    readonly numFailedTests: number
    readonly numFailedTestSuites: number
    readonly success: boolean
  }
  passed += report.numPassedTests
  failed += Math.max(report.numFailedTests, report.success ? 0 : 1)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
