/**
 * YAML that people write by hand, as plain JSON values. JSON is YAML, and is read
 * the same.
 *
 * A file says what it means and no more: tags are refused, and so are keys that
 * stand twice, which JSON readers drop in silence. Everything is bounded: the
 * size, the aliases, the depth, the number of values. Dates are texts, and only
 * `true` and `false` are booleans (YAML 1.2, core schema).
 *
 * **Laws**
 *
 * - any text is read or refused, with a line for what is wrong;
 * - what JSON writes is read as it was, numbers to the precision of a double.
 *
 * @since 0.1.0
 */
import * as Problem from "@tidemark/core/model/Problem"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as YamlLibrary from "yaml"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** The text cannot be read. The message says where and why, a line for each problem. @category errors @since 0.1.0 */
export class YamlError extends Schema.TaggedError<YamlError>()("YamlError", { message: Schema.String }) {}

/** The largest text, in bytes of UTF-8. @category constants @since 0.1.0 */
export const bytesMax = 1_048_576

/** The most uses of an anchor. @category constants @since 0.1.0 */
export const aliasesMax = 100

// -----------------------------------------------------------------------------
// parsing
// -----------------------------------------------------------------------------

/** A plain tree: what an alias stands for is there again. @category parsing @since 0.1.0 */
export const parse = (text: string): Result.Result<unknown, YamlError> =>
  new TextEncoder().encode(text).length > bytesMax
    ? fail([`it has more than ${bytesMax} bytes`])
    : Result.flatMap(
        Result.try({
          try: () => read(text),
          catch: (cause) => new YamlError({ message: words(cause instanceof Error ? cause.message : String(cause)) })
        }),
        (result) => result
      )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const fail = (problems: ReadonlyArray<string>): Result.Result<never, YamlError> =>
  Result.fail(new YamlError({ message: problems.slice(0, Problem.problemsMax).join("\n") }))

/** The first line of what the library says: the others draw a picture. */
const words = (message: string): string => (message.split("\n", 1)[0] ?? "").replace(/:$/, "")

const read = (text: string): Result.Result<unknown, YamlError> => {
  const lines = new YamlLibrary.LineCounter()
  const document = YamlLibrary.parseDocument(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    stringKeys: true,
    // Its own comparison takes the square of the number of keys.
    uniqueKeys: false,
    logLevel: "error",
    lineCounter: lines
  })
  // It warns of tags that it does not know, and reads on without them.
  const problems = [...document.errors, ...document.warnings].map(({ message }) => words(message))
  if (problems.length > 0) return fail(problems)
  const found = findings(document, ({ range }) => (range == null ? "" : ` at line ${lines.linePos(range[0]).line}`))
  if (found.length > 0) return fail(found)
  const value: unknown = document.toJS({ maxAliasCount: aliasesMax })
  const excess = Problem.excessOf(value)
  return excess === undefined ? Result.succeed(value) : fail([Problem.format([excess])])
}

const findings = (
  document: YamlLibrary.Document.Parsed,
  at: (node: YamlLibrary.Node) => string
): ReadonlyArray<string> => {
  const found: Array<string> = []
  let aliases = 0
  YamlLibrary.visit(document, {
    Node: (_, node) => {
      if (!YamlLibrary.isAlias(node) && node.tag !== undefined) found.push(`a tag is not allowed${at(node)}`)
    },
    Alias: (_, node) => {
      aliases += 1
      if (aliases === aliasesMax + 1) found.push(`there are more than ${aliasesMax} aliases${at(node)}`)
    },
    Map: (_, map) => {
      const names = new Set<string>()
      for (const { key } of map.items) {
        const name = YamlLibrary.isScalar(key) ? String(key.value) : ""
        if (names.has(name) && YamlLibrary.isScalar(key))
          found.push(`the key ${Problem.quote(name)} stands twice${at(key)}`)
        names.add(name)
      }
    }
  })
  return found
}
