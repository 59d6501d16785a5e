/**
 * Everything that can be said without running the tests: format, lint, types,
 * Effect diagnostics, floors, guarantees, documents, packing. Runs all checks and
 * names those that failed.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"

const projects = fs.readdirSync("packages").map((name) => `packages/${name}/tsconfig.json`)
const checks: ReadonlyArray<readonly [name: string, command: ReadonlyArray<string>]> = [
  ["format", ["oxfmt", "--check", "."]],
  ["lint", ["oxlint", "--deny-warnings"]],
  ["types", ["tsc", "-b"]],
  ...projects.map((project) => [`effect ${project}`, ["effect-tsgo", "diagnostics", "--project", project]] as const),
  ["floors", ["node", "scripts/check-floors.ts"]],
  ["guarantees", ["node", "scripts/check-guarantees.ts"]],
  ["docs", ["node", "scripts/check-docs.ts"]],
  ["pack", ["node", "scripts/check-pack.ts"]]
]

const failed: Array<string> = []
for (const [name, [program, ...args]] of checks) {
  const started = performance.now()
  const { status, stderr, stdout } = spawnSync(program!, args, { encoding: "utf8" })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)`)
  if (status === 0) continue
  failed.push(name)
  console.log(stdout + stderr)
}
if (failed.length > 0) console.log(`failed: ${failed.join(", ")}`)
process.exitCode = failed.length === 0 ? 0 : 1
