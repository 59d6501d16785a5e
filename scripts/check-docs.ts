/**
 * Checks what people read: the README's length, a README for each package, links
 * between files, that code is the text of examples and tests, that commands exist, that
 * states are those of the code, and that no lockfile names a registry.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Commands from "./docs/Commands.ts"
import * as Snippets from "./docs/Snippets.ts"
import * as States from "./docs/States.ts"

const problems: Array<string> = []

const readme = fs.readFileSync("README.md", "utf8")
if (readme.split("\n").length >= 200) problems.push("README.md has 200 lines or more")

for (const name of fs.readdirSync("packages")) {
  if (!fs.existsSync(`packages/${name}/README.md`)) problems.push(`packages/${name} has no README.md`)
  if (!fs.existsSync(`packages/${name}/LICENSE`)) problems.push(`packages/${name} has no LICENSE`)
}
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...fs.readdirSync("docs", { recursive: true, encoding: "utf8" }).map((name) => `docs/${name}`),
  ...fs.readdirSync("packages").map((name) => `packages/${name}/README.md`),
  ...fs.readdirSync("examples").map((name) => `examples/${name}/README.md`),
  "packages/provider-salesforce/src/simulator/README.md",
  "torture/README.md"
].filter((page) => page.endsWith(".md") && fs.existsSync(page))
for (const page of pages) {
  for (const [, link = ""] of fs.readFileSync(page, "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
    if (!/^[a-z]+:/.test(link) && !fs.existsSync(path.join(path.dirname(page), link))) {
      problems.push(`${page}: there is no ${link}`)
    }
  }
}
for (const page of pages) problems.push(...Snippets.problems(page), ...Commands.problems(page))
problems.push(...States.problems(), ...unshown("docs/guides/what-is-guaranteed.md"))
if (/https?:\/\//.test(fs.readFileSync("pnpm-lock.yaml", "utf8"))) problems.push("pnpm-lock.yaml names a registry")

/** Laws that a page names in a row of a table, which the map of guarantees does not have, or shows in other tests. */
function unshown(page: string): ReadonlyArray<string> {
  const rows = new Map(
    [...fs.readFileSync("docs/guarantees.md", "utf8").matchAll(/^\| ([A-Z]\d+) .*$/gm)].map(([row, id]) => [id!, row])
  )
  return fs
    .readFileSync(page, "utf8")
    .split("\n")
    .flatMap((line) => {
      const laws = [...line.matchAll(/\[([A-Z]\d+)\]/g)].map((match) => match[1]!)
      const tests = [...line.matchAll(/\]\(\.\.\/\.\.\/([^)]*\.test\.ts)\)/g)].map((match) => match[1]!)
      if (laws.length === 0) return []
      return [
        ...laws.filter((id) => !rows.has(id)).map((id) => `${page}: there is no law ${id}`),
        ...tests
          .filter((test) => !laws.some((id) => rows.get(id)?.includes(`](../${test})`)))
          .map((test) => `${page}: ${test} is no test of ${laws.join(", ")}`)
      ]
    })
}

for (const problem of problems) console.error(problem)
console.log(`docs: ${pages.length} pages, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
