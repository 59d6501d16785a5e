/**
 * Checks that commands in documents exist: npm scripts, files and folders, subcommands
 * and flags, as the commands themselves tell them when they are asked for help.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

const { scripts } = JSON.parse(fs.readFileSync("package.json", "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>
}

interface Help {
  readonly flags: ReadonlySet<string>
  readonly subcommands: ReadonlySet<string>
  readonly hasArguments: boolean
}

const known = new Map<string, Help | undefined>()

/** What a program says of a subcommand; `undefined` when it is none of its own. */
const helpOf = (words: ReadonlyArray<string>): Help | undefined => {
  const key = words.join(" ")
  if (!known.has(key)) {
    const { status, stdout } = spawnSync("node", [...words, "--help"], { encoding: "utf8", timeout: 60_000 })
    const flags = new Set(
      [...stdout.matchAll(/^ {2}(--[\w-]+)(?:, (-\w))?/gm)].flatMap(([, long, short]) => [long!, short!])
    )
    const listed = /\nSUBCOMMANDS\n((?: {2}.*\n?)*)/.exec(stdout)?.[1] ?? ""
    const subcommands = new Set([...listed.matchAll(/^ {2}([\w-]+)/gm)].map((match) => match[1]!))
    known.set(
      key,
      status === 0 && flags.size > 0 ? { flags, subcommands, hasArguments: /\nARGUMENTS\n/.test(stdout) } : undefined
    )
  }
  return known.get(key)
}

/** What is wrong with `node FILE WORD ... --flag`. */
const faultsOf = ([file = "", ...args]: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (!fs.existsSync(file)) return [`there is no ${file}`]
  if (!/^(examples|torture)\//.test(file)) return []
  const words = [file]
  let rest = args
  while (rest[0] !== undefined && helpOf(words)?.subcommands.has(rest[0]) === true) {
    words.push(rest[0])
    rest = rest.slice(1)
  }
  const help = helpOf(words)
  const told = words.slice(1).join(" ")
  if (help === undefined) return [`${told} does not answer --help`]
  if (help.subcommands.size > 0 && rest[0] !== undefined && !rest[0].startsWith("-"))
    return [`${told} has no ${rest[0]}`]
  if (!help.hasArguments && rest[0] !== undefined && !rest[0].startsWith("-")) return [`${told} takes no ${rest[0]}`]
  return rest
    .filter((word) => /^--?\w/.test(word))
    .map((word) => word.split("=")[0]!)
    .filter((flag) => !help.flags.has(flag))
    .map((flag) => `${told} has no flag ${flag}`)
}

/** What is wrong with one command; `cwd` is where those before it have gone to. */
const faults = (command: string, cwd: string): ReadonlyArray<string> => {
  const words = command
    .split(/\s+/)
    .filter((word, index, all) => !/^[A-Z]+=/.test(word) || all.slice(0, index).some((one) => !/^[A-Z]+=/.test(one)))
  const [program, first, ...rest] = words
  if (program === "npm" && first === "install") return []
  if (program === "npm" && (first === "run" || first === "test")) {
    const named = first === "test" ? ["test", ...rest] : rest.filter((word) => word !== "--silent")
    const script = scripts[named[0] ?? ""]
    if (script === undefined) return [`there is no npm script ${named[0]}`]
    const node = /(?:^|&& )node (.*)$/.exec(script)?.[1]
    const args = named.slice(1).filter((word) => word !== "--")
    return node === undefined ? [] : faultsOf([...node.split(" "), ...args])
  }
  if (program === "node") return faultsOf([first ?? "", ...rest])
  if (program === "cd") return fs.existsSync(path.join(cwd, first ?? "")) ? [] : [`there is no folder ${first}`]
  if (program === "npx" && first === "vitest")
    return fs.existsSync(path.join(cwd, "vitest.config.ts")) ? [] : [`${cwd} has no tests`]
  return [`nobody here knows ${program}`]
}

const commandsOf = (text: string): ReadonlyArray<string> =>
  text
    .replace(/\\\n/g, " ")
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "")

/** Flags of all commands of the programs that npm scripts start, as they tell them to a shell. */
const flagsOf = (): ReadonlySet<string> => {
  if (flags.size > 0) return flags
  const programs = Object.values(scripts).map((script) => /node ((?:examples|torture)\/\S+)/.exec(script)?.[1])
  for (const program of new Set(programs.filter((one) => one !== undefined))) {
    const { stdout } = spawnSync("node", [program, "--completions", "fish"], { encoding: "utf8", timeout: 60_000 })
    for (const match of stdout.matchAll(/ -l ([\w-]+)| -a '(--[\w-]+)'/g)) flags.add(match[2] ?? `--${match[1]!}`)
  }
  return flags
}
const flags = new Set<string>()

/** What is wrong with the commands of a page: those of its `sh` snippets, those in its sentences, and single flags. */
export const problems = (page: string): ReadonlyArray<string> => {
  const text = fs.readFileSync(page, "utf8")
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => commandsOf(match[1]!))
  const inline = [
    ...text
      .replace(/```[\s\S]*?```/g, "")
      .matchAll(/`((?:[A-Z]+=\S+ )*(?:npm (?:run (?:--silent )?\w|test)|node [\w./-]+\.ts)[^`]*)`/g)
  ].map((match) => [match[1]!.replace(/[[\]]/g, "")])
  const single = [...text.matchAll(/(?<!`)`(--[\w-]+)[^`]*`/g)].map((match) => match[1]!)
  const unknown = single
    .filter((flag) => flag !== "--help" && !flagsOf().has(flag))
    .map((flag) => `${page}: no command has a flag ${flag}`)
  const wrong = [...blocks, ...inline].flatMap((lines) => {
    let cwd = "."
    return lines.flatMap((line) =>
      line.split(" && ").flatMap((command) => {
        const found = faults(command, cwd).map((fault) => `${page}: \`${command}\`: ${fault}`)
        if (command.startsWith("cd ")) cwd = path.join(cwd, command.slice(3).trim())
        return found
      })
    )
  })
  return [...unknown, ...wrong]
}
