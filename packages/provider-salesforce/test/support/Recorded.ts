/** Recorded data that does not lie in the repository: `TIDEMARK_DATA`, or `shared/data` beside it or further up. */
import * as fs from "node:fs"
import * as path from "node:path"

const find = (from: string): string | undefined => {
  const found = path.join(from, "shared/data")
  if (fs.existsSync(found)) return found
  return from === path.dirname(from) ? undefined : find(path.dirname(from))
}

/** `undefined` where there is none. */
export const folder = process.env["TIDEMARK_DATA"] ?? find(path.resolve(import.meta.dirname, "../../../../.."))

/** The content of a file of it. */
export const read = (name: string): Buffer => fs.readFileSync(path.join(folder ?? "", name))

/** The names of all files below one of its folders. */
export const names = (below: string): ReadonlyArray<string> =>
  fs
    .readdirSync(path.join(folder ?? "", below), { recursive: true, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [path.relative(folder ?? "", path.join(entry.parentPath, entry.name))] : []))
    .toSorted()
