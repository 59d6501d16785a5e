/**
 * Checks what people read: the README's length and its example, a README for each
 * package, links between files, and that no lockfile names a registry.
 */
import * as fs from "node:fs"
import * as path from "node:path"

const problems: Array<string> = []
const readme = fs.readFileSync("README.md", "utf8")
if (readme.split("\n").length >= 200) problems.push("README.md has 200 lines or more")

const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1]
const source = fs.readFileSync("examples/cli-sync/src/quickstart.ts", "utf8")
if (example === undefined || !source.includes(example.trim())) {
  problems.push("README.md: the example is not the text of examples/cli-sync/src/quickstart.ts")
}
for (const name of fs.readdirSync("packages")) {
  if (!fs.existsSync(`packages/${name}/README.md`)) problems.push(`packages/${name} has no README.md`)
  if (!fs.existsSync(`packages/${name}/LICENSE`)) problems.push(`packages/${name} has no LICENSE`)
}
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...fs.readdirSync("docs", { recursive: true, encoding: "utf8" }).map((name) => `docs/${name}`),
  ...fs.readdirSync("packages").map((name) => `packages/${name}/README.md`),
  ...fs.readdirSync("examples").map((name) => `examples/${name}/README.md`)
].filter((page) => page.endsWith(".md") && fs.existsSync(page))
for (const page of pages) {
  for (const [, link = ""] of fs.readFileSync(page, "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
    if (!/^[a-z]+:/.test(link) && !fs.existsSync(path.join(path.dirname(page), link))) {
      problems.push(`${page}: there is no ${link}`)
    }
  }
}
if (/https?:\/\//.test(fs.readFileSync("pnpm-lock.yaml", "utf8"))) problems.push("pnpm-lock.yaml names a registry")

for (const problem of problems) console.error(problem)
console.log(`docs: ${pages.length} pages, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
