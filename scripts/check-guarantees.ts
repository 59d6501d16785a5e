/**
 * Checks the map from guarantees to tests, `docs/guarantees.md`: every row is
 * `shown` or `planned`, and what is shown names test files that exist and hold a
 * test whose name has the row's id, or check a law of the test kit that has it.
 */
import * as fs from "node:fs"
import * as path from "node:path"

interface Row {
  readonly id: string
  readonly status: string
  readonly files: ReadonlyArray<string>
}

const map = "docs/guarantees.md"
const rows: ReadonlyArray<Row> = fs
  .readFileSync(map, "utf8")
  .split("\n")
  .filter((line) => /^\| [FKLSW]\d/.test(line))
  .map((line) => {
    const cells = line.split("|").map((cell) => cell.trim())
    return {
      id: cells[1]!,
      status: cells[3]!,
      files: [...line.matchAll(/\]\(\.\.\/([^)#]+)\)/g)].map((match) => match[1]!)
    }
  })

/** Whether a quoted text names the id: `"L09 running again changes nothing; L14 ..."`, `id: "L13"`. */
const isNamed = (id: string, text: string): boolean => new RegExp(`^[^/*]*["'\`][^"'\`\\n]*\\b${id}\\b`, "m").test(text)

/** The text of a module of the test kit, and of all it is made of. */
const closureOf = (file: string, seen = new Set<string>()): string => {
  if (seen.has(file)) return ""
  seen.add(file)
  const text = fs.readFileSync(file, "utf8")
  const below = [...text.matchAll(/from "(\.{1,2}\/[^"]+)"/g)].map((match) => path.join(path.dirname(file), match[1]!))
  return [text, ...below.map((one) => closureOf(one, seen))].join("\n")
}

const kit = "packages/laws/src"
/** Functions of the test kit that give laws, and where they are. */
const verifiers = fs.readdirSync(kit).flatMap((name) => {
  if (!name.endsWith("Laws.ts")) return []
  const text = fs.readFileSync(path.join(kit, name), "utf8")
  return [...text.matchAll(/^export const (\w+)/gm)].map((match) => [match[1]!, path.join(kit, name)] as const)
})

const isShown = (id: string, file: string): boolean => {
  const text = fs.readFileSync(file, "utf8")
  return (
    isNamed(id, text) ||
    verifiers.some(([name, where]) => new RegExp(`\\b${name}\\(`).test(text) && isNamed(id, closureOf(where)))
  )
}

const problems: Array<string> = []
if (rows.length === 0) problems.push(`${map} has no rows`)
for (const { files, id, status } of rows) {
  if (status !== "shown" && status !== "planned") problems.push(`${id}: the status is "${status}"`)
  if (status === "shown" && files.length === 0) problems.push(`${id}: shown, but no test is named`)
  for (const file of files) {
    if (!fs.existsSync(file)) problems.push(`${id}: there is no ${file}`)
    else if (!isShown(id, file)) problems.push(`${id}: ${file} has no test of that name`)
  }
}
const ids = rows.map((row) => row.id)
for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index)))
  problems.push(`${id}: more than one row`)
for (const problem of problems) console.error(problem)
console.log(
  `guarantees: ${rows.filter((row) => row.status === "shown").length} shown, ` +
    `${rows.filter((row) => row.status === "planned").length} planned, ${problems.length} problems`
)
process.exitCode = problems.length === 0 ? 0 : 1
