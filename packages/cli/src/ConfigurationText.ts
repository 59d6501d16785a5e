/**
 * The text of a configuration file as a plain JSON value: YAML 1.2, of which JSON
 * is a part, without what could surprise.
 *
 * Tags, directives, merge keys and second documents are refused, and so is a key
 * that stands twice. Size, parts and references are bounded before and while the
 * text is read. Problems name the line and never show the text: it may be a
 * secret.
 *
 * **Laws**
 *
 * - any text is either a value or has a problem;
 * - a value is a plain tree of JSON, and reading it costs no more than its bounds.
 *
 * @since 0.1.0
 */
import * as Wrong from "@tidemark/core/model/Problem"
import * as Result from "effect/Result"
import * as Yaml from "yaml"

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** The longest file that is read, in bytes. @category constants @since 0.1.0 */
export const sizeMax = 1024 * 1024

/** The most marks, words and spaces between them. @category constants @since 0.1.0 */
export const tokensMax = 50_000

/** The most references (`*name`) to anchors. @category constants @since 0.1.0 */
export const aliasesMax = 100

// -----------------------------------------------------------------------------
// parsing
// -----------------------------------------------------------------------------

type Parsed<A = unknown> = Result.Result<A, ReadonlyArray<Wrong.Problem>>

/** A text in which nothing stands is an object without keys. @category parsing @since 0.1.0 */
export const parse = (text: string): Parsed => {
  if (text.length > sizeMax) return refuse(`is longer than ${sizeMax} bytes, the most that are read`)
  if (isCrowded(text)) return refuse(`has more than ${tokensMax} parts, the most that are read`)
  return Result.flatMap(documentOf(text), (document) => {
    const reading: Reading = { text, problems: [], anchors: new Map(), aliases: 0 }
    const value = document === undefined ? {} : valueOf(reading, document.contents, [])
    if (reading.problems.length > 0) return Result.fail(reading.problems)
    const excess = Wrong.excessOf(value)
    return excess === undefined ? Result.succeed(value) : Result.fail([excess])
  })
}

// -----------------------------------------------------------------------------
// internal: documents
// -----------------------------------------------------------------------------

const refuse = (message: string, path: Wrong.Path = []): Result.Result<never, ReadonlyArray<Wrong.Problem>> =>
  Result.fail([{ path, message }])

const isCrowded = (text: string): boolean => {
  let count = 0
  for (const _ of new Yaml.Lexer().lex(text)) if (++count > tokensMax) return true
  return false
}

// Keys are compared here, where it takes one look at each; the parser compares each with each.
const options = {
  schema: "core",
  merge: false,
  uniqueKeys: false,
  stringKeys: true,
  prettyErrors: false,
  strict: true,
  logLevel: "silent"
} as const

const documentOf = (text: string): Parsed<Yaml.Document.Parsed | undefined> => {
  const documents = Result.try({ try: () => Yaml.parseAllDocuments(text, options), catch: () => unreadable })
  if (Result.isFailure(documents)) return refuse(documents.failure)
  const [document, second] = Array.from(documents.success)
  const errors = [...(document?.errors ?? []), ...(document?.warnings ?? [])].slice(0, errorsMax)
  if (errors.length > 0) {
    return Result.fail(errors.map(({ code, pos }) => ({ path: [], message: `${place(text, pos[0])}: ${words[code]}` })))
  }
  // A shell makes the file empty before it runs what is to fill it.
  if (document === undefined || document.contents === null) return Result.succeed(undefined)
  if (second !== undefined) return refuse(`${place(text, second.range[0])}: ${words.MULTIPLE_DOCS}`)
  const { tags, yaml } = document.directives ?? {}
  return yaml?.explicit === true || Object.keys(tags ?? {}).some((handle) => handle !== "!!")
    ? refuse(words.BAD_DIRECTIVE)
    : Result.succeed(document)
}

/** The first ones: those after them are often about the same character. */
const errorsMax = 5

const place = (text: string, offset: number): string => {
  const before = text.slice(0, offset).split("\n")
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
}

const unreadable = "this is not YAML"

/** What the parser says, without the text that it shows. */
const words: { readonly [C in Yaml.ErrorCode]: string } = {
  ALIAS_PROPS: "a reference (*) has an anchor or a tag",
  BAD_ALIAS: "a text that begins with * or & must be in quotes",
  BAD_COLLECTION_TYPE: "tags (!) are not allowed; put a text that begins with ! in quotes",
  BAD_DIRECTIVE: "directives (%) are not allowed",
  BAD_DQ_ESCAPE: "a text in double quotes has a backslash that escapes nothing; double it",
  BAD_INDENT: "the line is indented by too few or too many spaces",
  BAD_PROP_ORDER: "an anchor or a tag is in the wrong place",
  BAD_SCALAR_START: "a text that begins with this character must be in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a second value on one line; put a text that holds a colon and a space in quotes",
  BLOCK_IN_FLOW: "a list or an object over several lines is inside brackets",
  DUPLICATE_KEY: "the key is here already",
  IMPOSSIBLE: unreadable,
  KEY_OVER_1024_CHARS: "a key is too long",
  MISSING_CHAR: "a character is missing here: a colon, a space, a comma, a quote or a bracket",
  MULTILINE_IMPLICIT_KEY: "a key must be on one line; check the colon and the indentation",
  MULTIPLE_ANCHORS: "a value has two anchors",
  MULTIPLE_DOCS: "a second document begins; one is read",
  MULTIPLE_TAGS: "tags (!) are not allowed; put a text that begins with ! in quotes",
  NON_STRING_KEY: "a key must be a text",
  RESOURCE_EXHAUSTION: "values are nested too deeply",
  TAB_AS_INDENT: "the line is indented by a tab; use spaces",
  TAG_RESOLVE_FAILED: "tags (!) are not allowed; put a text that begins with ! in quotes",
  UNEXPECTED_TOKEN: "something stands here that does not belong; check quotes and brackets"
}

// -----------------------------------------------------------------------------
// internal: values
// -----------------------------------------------------------------------------

interface Reading {
  readonly text: string
  readonly problems: Array<Wrong.Problem>
  /** What each anchor names so far. */
  readonly anchors: Map<string, unknown>
  aliases: number
}

const valueOf = (reading: Reading, node: unknown, path: Wrong.Path): unknown => {
  if (node === null || node === undefined) return null
  if (path.length > Wrong.depthMax) return wrong(reading, node, path, words.RESOURCE_EXHAUSTION)
  if (Yaml.isAlias(node)) return named(reading, node, path)
  if (!Yaml.isNode(node)) return wrong(reading, node, path, unreadable)
  if (node.tag !== undefined) return wrong(reading, node, path, words.TAG_RESOLVE_FAILED)
  const value = Yaml.isMap(node)
    ? objectOf(reading, node, path)
    : Yaml.isSeq(node)
      ? node.items.map((item, index) => valueOf(reading, item, [...path, index]))
      : Yaml.isScalar(node)
        ? node.value
        : null
  if (node.anchor !== undefined) reading.anchors.set(node.anchor, value)
  return value
}

const objectOf = (reading: Reading, node: Yaml.YAMLMap, path: Wrong.Path): unknown => {
  const entries = new Map<string, unknown>()
  for (const { key, value } of node.items) {
    if (!Yaml.isScalar(key) || key.tag !== undefined || typeof key.value !== "string") {
      wrong(reading, key, path, words.NON_STRING_KEY)
      continue
    }
    const below = [...path, key.value]
    if (entries.has(key.value)) wrong(reading, key, below, words.DUPLICATE_KEY)
    if (key.anchor !== undefined) reading.anchors.set(key.anchor, key.value)
    entries.set(key.value, valueOf(reading, value, below))
  }
  return Object.fromEntries(entries)
}

// The value itself, not a copy of it: however often it is named, it is one, and what it amounts to is counted after.
const named = (reading: Reading, node: Yaml.Alias, path: Wrong.Path): unknown => {
  if (++reading.aliases > aliasesMax)
    return wrong(reading, node, path, `there are more than ${aliasesMax} references (*)`)
  if (reading.anchors.has(node.source)) return reading.anchors.get(node.source)
  return wrong(reading, node, path, "a reference (*) to no anchor; put a text that begins with * in quotes")
}

const problemsMax = 100

const wrong = (reading: Reading, node: unknown, path: Wrong.Path, message: string): null => {
  const at = Yaml.isNode(node) && node.range ? `${place(reading.text, node.range[0])}: ` : ""
  if (reading.problems.length < problemsMax) reading.problems.push({ path, message: `${at}${message}` })
  return null
}
