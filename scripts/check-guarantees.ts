/**
 * Checks the map from guarantees to tests, `docs/guarantees.md`: every row is
 * `shown` or `planned`, and what is shown names test files that exist and hold a
 * test with the row's id.
 */
import * as fs from "node:fs"

interface Row {
  readonly id: string
  readonly status: string
  readonly files: ReadonlyArray<string>
}

const map = "docs/guarantees.md"
const rows: ReadonlyArray<Row> = fs
  .readFileSync(map, "utf8")
  .split("\n")
  .filter((line) => /^\| [LFWS]\d/.test(line))
  .map((line) => {
    const cells = line.split("|").map((cell) => cell.trim())
    return {
      id: cells[1]!,
      status: cells[3]!,
      files: [...line.matchAll(/\]\(\.\.\/([^)#]+)\)/g)].map((match) => match[1]!)
    }
  })

const problems: Array<string> = []
if (rows.length === 0) problems.push(`${map} has no rows`)
for (const { files, id, status } of rows) {
  if (status !== "shown" && status !== "planned") problems.push(`${id}: the status is "${status}"`)
  if (status === "shown" && files.length === 0) problems.push(`${id}: shown, but no test is named`)
  for (const file of files) {
    if (!fs.existsSync(file)) problems.push(`${id}: there is no ${file}`)
    else if (!new RegExp(`(?:["'\`]|\\b)${id}\\b`).test(fs.readFileSync(file, "utf8"))) {
      problems.push(`${id}: ${file} has no test of that name`)
    }
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
