/**
 * Checks that imports only point down: from a package to those it may use, and
 * inside core from a floor to the floors below it.
 */
import * as fs from "node:fs"
import * as path from "node:path"

/** Who may import whom. A package that is not listed fails the check. */
const house: Readonly<Record<string, ReadonlyArray<string>>> = {
  core: [],
  memory: ["core"],
  laws: ["core", "memory"],
  "sql-pg": ["core"],
  http: ["core"],
  "provider-salesforce": ["core", "http"],
  webhooks: ["core", "http"],
  cli: ["core"]
}
/** Floors inside core, from the ground up. */
const floors = ["model", "rules", "ports", "engine"]

const files = fs
  .readdirSync("packages", { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => path.join(entry.parentPath, entry.name))
  .filter((file) => /^packages\/[^/]+\/src\//.test(file) && !file.includes("node_modules"))

const importsOf = (file: string): ReadonlyArray<{ readonly specifier: string; readonly isType: boolean }> =>
  [...fs.readFileSync(file, "utf8").matchAll(/^(?:import|export)( type)?[^"]*?from "([^"]+)"/gm)].map((match) => ({
    specifier: match[2]!,
    isType: match[1] !== undefined
  }))

const problems: Array<string> = []
for (const file of files) {
  const [, from = "", , floor = ""] = file.split("/")
  const allowed = house[from]
  if (allowed === undefined) problems.push(`${file}: the package ${from} has no place in the house`)
  for (const { isType, specifier } of importsOf(file)) {
    const target = specifier.startsWith(".") ? path.join(path.dirname(file), specifier) : specifier
    const to = /^(?:packages|@tidemark)\/([^/]+)/.exec(target)?.[1]
    if (to !== undefined && to !== from && allowed?.includes(to) === false) {
      problems.push(`${file}: ${from} may not import ${to}`)
    }
    const below = target.split("/")[3] ?? ""
    const isUp = from === "core" && to === "core" && floors.indexOf(below) > floors.indexOf(floor)
    if (isUp && floors.includes(floor) && !isType) problems.push(`${file}: ${floor} may not import ${below}`)
    if (from === "core" && /^effect\/(?!src)[a-z]/.test(specifier)) {
      problems.push(`${file}: core may not import the unstable ${specifier}`)
    }
  }
}
for (const problem of problems) console.error(problem)
console.log(`floors: ${files.length} files, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
