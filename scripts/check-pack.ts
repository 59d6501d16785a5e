/**
 * Checks that every package packs, and that the packed files install and run
 * elsewhere: in an empty folder, without the workspace, from compiled files only.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const run = (cwd: string, program: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

const root = process.cwd()
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-pack-"))
try {
  run(root, "tsc", "-b", "tsconfig.packages.json")
  const names = fs.readdirSync("packages")
  const overrides: Record<string, string> = {}
  for (const name of names) {
    run(`${root}/packages/${name}`, "pnpm", "pack", "--out", path.join(folder, `${name}.tgz`))
    overrides[`@tidemark/${name}`] = `file:./${name}.tgz`
  }
  const catalog = Object.fromEntries(
    [...fs.readFileSync("pnpm-workspace.yaml", "utf8").matchAll(/^ {2}"?([^":]+)"?: (\d\S*)$/gm)].map(
      ([, name, version]) => [name!, version!]
    )
  )
  const peers = ["effect", "@effect/sql-pg", "@effect/platform-node", "fast-check"]
  const manifest = {
    private: true,
    type: "module",
    dependencies: { ...overrides, ...Object.fromEntries(peers.map((name) => [name, catalog[name]])) }
  }
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest))
  fs.writeFileSync(
    path.join(folder, "pnpm-workspace.yaml"),
    `minimumReleaseAge: 0\nstrictDepBuilds: false\noverrides: ${JSON.stringify(overrides)}\n`
  )
  run(folder, "pnpm", "install", "--prefer-offline", "--ignore-scripts", "--no-optional")
  const entries = names.flatMap((name) => {
    const { exports } = JSON.parse(
      fs.readFileSync(path.join(folder, "node_modules/@tidemark", name, "package.json"), "utf8")
    ) as { readonly exports: Readonly<Record<string, string | null>> }
    return Object.keys(exports)
      .filter((entry) => exports[entry] !== null && !entry.includes("*") && entry !== "./package.json")
      .map((entry) => `@tidemark/${name}${entry.slice(1)}`)
  })
  for (const name of names) {
    fs.rmSync(path.join(folder, "node_modules/@tidemark", name, "src"), { recursive: true, force: true })
  }
  fs.writeFileSync(
    path.join(folder, "use.mjs"),
    entries
      .map((entry) => `if (Object.keys(await import("${entry}")).length === 0) throw new Error("${entry} is empty")`)
      .join("\n")
  )
  run(folder, "node", "use.mjs")
  console.log(`pack: ${names.length} packages, ${entries.length} entries`)
} finally {
  fs.rmSync(folder, { recursive: true, force: true })
}
