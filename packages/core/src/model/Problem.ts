/**
 * What is wrong with a value somebody wrote, and where.
 *
 * A value from a file is read by its schema, to the end: all problems are found at
 * once, each with its path in the file, what is there, and what is allowed.
 *
 * **Laws**
 *
 * - a path leads to something in the value, or to a key that is missing from
 *   something in it;
 * - any plain JSON value is either read or has a problem; none is too deep or too
 *   large to be answered.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as Name from "./Name.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Keys and places from the root of the value. @category models @since 0.1.0 */
export type Path = ReadonlyArray<string | number>

/** @category models @since 0.1.0 */
export interface Problem {
  readonly path: Path
  readonly message: string
}

/** @category constants @since 0.1.0 */
export const depthMax = 64

/** The most values, nested ones included, that are read. @category constants @since 0.1.0 */
export const sizeMax = 100_000

/** @category constants @since 0.1.0 */
export const problemsMax = 100

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/**
 * Reads a plain JSON value. Keys the schema does not know are problems.
 *
 * @param base where the value is in the file, for the paths
 * @category codecs
 * @since 0.1.0
 */
export const decode = <A, E>(
  schema: Schema.Codec<A, E>,
  input: unknown,
  base: Path = []
): Result.Result<A, ReadonlyArray<Problem>> => {
  const excess = excessOf(input)
  if (excess !== undefined) return Result.fail([{ path: [...base, ...excess.path], message: excess.message }])
  return Result.mapError(
    Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })(input),
    ({ issue }) => fromIssue(issue, input, base)
  )
}

/** What a schema says is wrong with a value. @category conversions @since 0.1.0 */
export const fromIssue = (issue: SchemaIssue.Issue, input: unknown, base: Path = []): ReadonlyArray<Problem> =>
  found(issue, input, base)

/** What makes a value too deep, too large, or no tree at all; `undefined` when nothing does. @category guards @since 0.1.0 */
export const excessOf = (input: unknown): Problem | undefined => {
  let count = 0
  let level: ReadonlyArray<readonly [path: Path, value: unknown]> = [[[], input]]
  for (let depth = 0; level.length > 0; depth++) {
    const below: Array<readonly [path: Path, value: unknown]> = []
    for (const [path, value] of level) {
      if (typeof value !== "object" || value === null) continue
      if (depth === depthMax) return { path, message: `is nested more than ${depthMax} levels deep` }
      const keys = Array.isArray(value) ? value.keys() : Object.keys(value)
      for (const key of keys) {
        if (++count > sizeMax) return { path, message: `goes beyond ${sizeMax} values, the most that are read` }
        below.push([[...path, key], (value as Readonly<Record<string | number, unknown>>)[key]])
      }
    }
    level = below
  }
  return undefined
}

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** For example `detections.accounts.filters[0].field`. @category formatting @since 0.1.0 */
export const formatPath = (path: Path): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`
    if (!Name.isName(key)) return `${text}[${quote(key)}]`
    return text === "" ? key : `${text}.${key}`
  }, "")

/** A line per problem, at most `problemsMax` of them. @category formatting @since 0.1.0 */
export const format = (problems: ReadonlyArray<Problem>): string => {
  const lines = problems.slice(0, problemsMax).map(({ message, path }) => {
    const place = formatPath(path)
    return place === "" ? message : `${place}: ${message}`
  })
  const left = problems.length - lines.length
  return [...lines, ...(left === 0 ? [] : [`and ${left} more problems`])].join("\n")
}

/** The beginning of a text, with whatever could not be printed escaped. @category formatting @since 0.1.0 */
export const quote = (text: string): string =>
  JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 60)}...`)
    .toWellFormed()
    .replaceAll(/[\u007f-\u009f\u2028-\u202f\u2066-\u2069\ufeff]/g, "?")

// -----------------------------------------------------------------------------
// internal: from issues to problems
// -----------------------------------------------------------------------------

type Issue = SchemaIssue.Issue

const found = (issue: Issue, input: unknown, path: Path): ReadonlyArray<Problem> => {
  switch (issue._tag) {
    case "Pointer": {
      const keys = issue.path as Path // a JSON value has no symbols for keys
      return found(issue.issue, valueAt(input, keys), [...path, ...keys])
    }
    case "Composite":
      return issue.issues.flatMap((one) => found(one, input, path))
    case "Encoding":
      return found(issue.issue, input, path)
    case "AnyOf":
      return ofUnion(issue, input, path)
    case "Filter":
      return [wrong(path, input, expectedOf(issue.filter.annotations) ?? messageOf(issue.issue))]
    case "MissingKey":
      return [{ path, message: "is missing" }]
    case "UnexpectedKey":
      return [{ path, message: unexpected(issue.ast, String(path.at(-1))) }]
    case "InvalidType":
      return [wrong(path, input, expectedOf(issue.ast.annotations) ?? typeOf(issue.ast))]
    case "InvalidValue":
    case "Forbidden":
      return [wrong(path, input, messageOf(issue))]
    case "OneOf":
      return [wrong(path, input, typeOf(issue.ast))]
  }
}

const wrong = (path: Path, input: unknown, expected: string): Problem => ({
  path,
  message: `is ${shown(input)}, which is not ${expected}`
})

const messageOf = (issue: Issue): string =>
  (issue._tag === "InvalidValue" && (issue.annotations?.message ?? expectedOf(issue.annotations))) || "allowed here"

const expectedOf = (annotations: { readonly [key: string]: unknown } | undefined): string | undefined => {
  const expected = annotations?.["expected"]
  return typeof expected === "string" ? expected : undefined
}

/** What is there, for a person: values of a file may be long, and are never shown in full. */
const shown = (input: unknown): string => {
  if (typeof input === "string") return quote(input)
  if (Array.isArray(input)) return `a list of ${input.length}`
  if (isObject(input)) return Object.keys(input).length === 0 ? "an empty object" : "an object"
  return Object.is(input, -0) ? "-0" : String(input)
}

const typeOf = (ast: SchemaAST.AST): string => {
  const literals = literalsOf(ast)
  if (literals.length > 0) return literals.length === 1 ? literals[0]! : `one of ${literals.join(", ")}`
  switch (ast._tag) {
    case "Objects":
      return "an object"
    case "Arrays":
      return "a list"
    case "String":
      return "a text"
    case "Number":
      return "a number"
    default:
      return "allowed here"
  }
}

const literalsOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  ast._tag === "Literal" ? [String(ast.literal)] : ast._tag === "Union" ? ast.types.flatMap(literalsOf) : []

const unexpected = (ast: SchemaAST.AST, key: string): string => {
  if (ast._tag !== "Objects") return "is not known here"
  const [index] = ast.indexSignatures
  if (index !== undefined) return `is not ${expectedOf(index.parameter.checks?.at(-1)?.annotations) ?? "allowed here"}`
  const names = ast.propertySignatures.map(({ name }) => String(name))
  return `is not known here; allowed: ${names.join(", ")}.${Name.hint(key, names)}`
}

// -----------------------------------------------------------------------------
// internal: unions
// -----------------------------------------------------------------------------

// What a union's member that was meant says; where none was, what the members are told apart by.
const ofUnion = (issue: SchemaIssue.AnyOf, input: unknown, path: Path): ReadonlyArray<Problem> => {
  const choice = choiceOf(issue.ast)
  if (choice !== undefined && isObject(input)) {
    if (!Object.hasOwn(input, choice.key))
      return [{ path: [...path, choice.key], message: `is missing; allowed: ${choice.values.join(", ")}` }]
    const value = input[choice.key]
    if (typeof value !== "string" || !choice.values.includes(value)) {
      const near = typeof value === "string" ? Name.hint(value, choice.values) : ""
      const message = `is ${shown(value)}; allowed: ${choice.values.join(", ")}.${near}`
      return [{ path: [...path, choice.key], message }]
    }
  }
  const members = issue.issues.filter((one) => !isShapeless(one))
  const [meant] = members.toSorted((a, b) => distance(a) - distance(b))
  const literals = literalsOf(issue.ast)
  const isEmpty = isObject(input) && Object.keys(input).length === 0
  if (meant === undefined || isEmpty || (literals.length > 0 && literals.length === issue.ast.types.length)) {
    const near = typeof input === "string" ? Name.hint(input, literals) : ""
    const expected = expectedOf(issue.ast.annotations) ?? typeOf(issue.ast)
    return [{ path, message: `${wrong(path, input, expected).message}${near === "" ? "" : `.${near}`}` }]
  }
  return found(meant, input, path)
}

interface Choice {
  readonly key: string
  readonly values: ReadonlyArray<string>
}

// The key by whose literal the members of a union of structs are told apart.
const choiceOf = (ast: SchemaAST.AST): Choice | undefined => {
  if (ast._tag !== "Union") return undefined
  const keys = ast.types.map((type) =>
    type._tag === "Objects"
      ? type.propertySignatures.flatMap(({ name, type }) =>
          type._tag === "Literal" ? [[String(name), String(type.literal)] as const] : []
        )
      : []
  )
  const [first] = keys[0] ?? []
  if (first === undefined) return undefined
  const values = keys.map((pairs) => pairs.find(([key]) => key === first[0])?.[1])
  return values.every((value) => value !== undefined) ? { key: first[0], values } : undefined
}

// A member that was refused as a whole was not meant.
const isShapeless = (issue: Issue): boolean => issue._tag === "InvalidType"

// How many keys are too many or too few: the member with the fewest was meant.
const distance = (issue: Issue): number =>
  issue._tag !== "Composite"
    ? 1
    : issue.issues.filter(
        (one) => one._tag === "Pointer" && (one.issue._tag === "MissingKey" || one.issue._tag === "UnexpectedKey")
      ).length

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const valueAt = (input: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Readonly<Record<string | number, unknown>>)[key]
        : undefined,
    input
  )
