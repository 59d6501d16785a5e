/**
 * Checks `docs/states.md` against the code: every type of statuses is there, and a
 * table that names a type in the code shows its values, all of them and no others.
 */
import * as fs from "node:fs"
import * as path from "node:path"

const page = "docs/states.md"

/** What moves from one of its values to another, and so has a diagram. */
const isMachine = /^(\w*Status|Existence|state)$/

/** The values of a type, a schema or an error's reason: the first list of literals behind its name. */
const literalsOf = (text: string, name: string): ReadonlySet<string> => {
  const start = new RegExp(`export (?:type|const|class) ${name}\\b|readonly ${name}: "`).exec(text)
  if (start === null) return new Set()
  const list = /Schema\.Literals\(\[([^\]]*)\]|[=:]\s*\|?\s*("\w+"(?:\s*\|\s*"\w+")+)/.exec(text.slice(start.index))
  return new Set([...(list?.[1] ?? list?.[2] ?? "").matchAll(/"(\w+)"/g)].map((match) => match[1]!))
}

/**
 * Types named for statuses, and statuses that a public interface lists itself, wherever
 * they are: `Run.Status` is `Status` in the module `Run`.
 */
const statuses = (): ReadonlyArray<readonly [file: string, name: string]> =>
  fs
    .readdirSync("packages", { recursive: true, encoding: "utf8" })
    .filter((name) => /^[^/]+\/src\/.*\.ts$/.test(name) && !name.includes("/simulator/"))
    .flatMap((name) => {
      const file = `packages/${name}`
      const text = fs.readFileSync(file, "utf8")
      const interfaces = [...text.matchAll(/^export interface [^{]*\{[\s\S]*?^\}/gm)].join("\n")
      return [
        ...text.matchAll(/^export (?:type|const) (\w*Status) = (?:Schema\.Literals|\|?\s*")/gm),
        ...interfaces.matchAll(/^ {2}readonly (status|state): "/gm)
      ].map((match) => [file, match[1]!] as const)
    })

/** The first column of the first table behind a place. */
const rowsBehind = (text: string): ReadonlyArray<string> => {
  const table = /\n(\|[^\n]*\n)+/.exec(text)?.[0] ?? ""
  return table.split("\n").flatMap((line) => /^\| `(\w+)`/.exec(line)?.[1] ?? [])
}

/** What is wrong with the page. */
export const problems = (): ReadonlyArray<string> => {
  const text = fs.readFileSync(page, "utf8")
  const declared = [...text.matchAll(/\[`(\w+)\.(\w+)`\]\(\.\.\/([^)]+\.ts)\)[.,]?\s/g)].map((match) => ({
    name: match[2]!,
    label: `${match[1]!}.${match[2]!}`,
    file: match[3]!,
    section: text.slice(match.index).split(/\n## /)[0]!
  }))
  const missing = statuses()
    .filter(([file, name]) => !declared.some((one) => one.file === file && one.name === name))
    .map(([file, name]) => `${page}: there is no table of ${path.basename(file, ".ts")}.${name} (${file})`)
  const unlike = declared.flatMap(({ file, label, name, section }) => {
    const literals = literalsOf(fs.readFileSync(file, "utf8"), name)
    if (literals.size === 0) return []
    const rows = rowsBehind(section)
    const diagram = /```mermaid\n([\s\S]*?)```/.exec(section)?.[1]
    const isDrawn = (state: string): boolean => diagram === undefined || new RegExp(`\\b${state}\\b`).test(diagram)
    return [
      ...[...literals].filter((one) => !rows.includes(one)).map((one) => `${label} has ${one}, its table has not`),
      ...rows.filter((one) => !literals.has(one)).map((one) => `the table of ${label} has ${one}, the code has not`),
      ...(!isMachine.test(name)
        ? []
        : [...literals].filter((one) => !isDrawn(one)).map((one) => `${label}: ${one} is in no diagram`))
    ].map((problem) => `${page}: ${problem}`)
  })
  return [...missing, ...unlike]
}
