/**
 * Checks that every package packs, that what is packed says what a registry and its
 * provenance need, and that the packed files install and run elsewhere: in an empty
 * folder, without the workspace, from compiled files only.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const run = (cwd: string, program: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

const home = "https://github.com/tidemark-dev/tidemark"

interface Manifest {
  readonly [field: string]: unknown
  readonly exports: Readonly<Record<string, string | null>>
  readonly publishConfig?: Readonly<Record<string, unknown>>
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")) as Manifest

/** What a package's manifest lacks. A registry refuses provenance for a repository that is not the one that built it. */
const faultsOf = (name: string, packed: string): ReadonlyArray<string> => {
  const manifest = manifestOf(packed)
  const expected: Readonly<Record<string, unknown>> = {
    name: `@tidemark/${name}`,
    license: "MIT",
    type: "module",
    repository: { type: "git", url: `git+${home}.git`, directory: `packages/${name}` },
    homepage: `${home}/tree/main/packages/${name}#readme`,
    bugs: { url: `${home}/issues` },
    sideEffects: [],
    engines: { node: ">=22.19.0" }
  }
  const publish = manifestOf(`${root}/packages/${name}`).publishConfig ?? {}
  const keywords = Array.isArray(manifest["keywords"]) ? manifest["keywords"] : []
  const description = manifest["description"]
  const text = JSON.stringify(manifest)
  const targets = Object.values(manifest.exports).filter((target) => target?.endsWith(".js") && !target.includes("*"))
  return [
    ...Object.keys(expected).flatMap((field) =>
      JSON.stringify(manifest[field]) === JSON.stringify(expected[field]) ? [] : [`"${field}" is not as it should be`]
    ),
    ...(typeof description === "string" && description.length > 20 ? [] : ["it has no description"]),
    ...(keywords.includes("tidemark") && keywords.length >= 3 ? [] : ["it has fewer than three keywords, or not ours"]),
    ...(Array.isArray(manifest["files"]) ? [] : ['"files" does not say what is packed']),
    ...(publish["provenance"] === true && publish["access"] === "public"
      ? []
      : ["it is not published with provenance"]),
    ...(/"(workspace|catalog):/.test(text) ? ["it depends on what only the workspace knows"] : []),
    ...["README.md", "LICENSE", ...targets.flatMap((target) => [target!, target!.replace(/\.js$/, ".d.ts")])].flatMap(
      (file) => (fs.existsSync(path.join(packed, file)) ? [] : [`${file} is not packed`])
    ),
    ...fs
      .readdirSync(packed, { recursive: true, encoding: "utf8" })
      .filter((file) => !file.startsWith("node_modules") && /(^|\/)test\/|\.test\.|\.tsbuildinfo$|\.reports/.test(file))
      .map((file) => `${file} is packed`)
  ].map((fault) => `@tidemark/${name}: ${fault}`)
}

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
  const packedOf = (name: string): string => path.join(folder, "node_modules/@tidemark", name)
  const faults = names.flatMap((name) => faultsOf(name, packedOf(name)))
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
  const entries = names.flatMap((name) => {
    const { exports } = manifestOf(packedOf(name))
    return Object.keys(exports)
      .filter((entry) => exports[entry] !== null && !entry.includes("*") && entry !== "./package.json")
      .map((entry) => `@tidemark/${name}${entry.slice(1)}`)
  })
  for (const name of names) {
    fs.rmSync(path.join(packedOf(name), "src"), { recursive: true, force: true })
  }
  fs.writeFileSync(
    path.join(folder, "use.mjs"),
    entries
      .map((entry) => `if (Object.keys(await import("${entry}")).length === 0) throw new Error("${entry} is empty")`)
      .join("\n")
  )
  run(folder, "node", "use.mjs")
  console.log(`pack: ${names.length} packages, ${entries.length} entries, ${faults.length} faults`)
} finally {
  fs.rmSync(folder, { recursive: true, force: true })
}
