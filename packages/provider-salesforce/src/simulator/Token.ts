/**
 * The words of a SOQL text.
 *
 * Reading takes time in proportion to the text and never fails by surprise: what
 * is no token is a `Refusal` that points at it.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Instant from "./Instant.ts"
import * as Refusal from "./Refusal.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Token =
  /** A keyword or a name, dots included. */
  | { readonly _tag: "Word"; readonly text: string; readonly at: number }
  /** `raw` is what stands between the quotes, with its escapes. */
  | { readonly _tag: "Text"; readonly raw: string; readonly text: string; readonly at: number }
  | { readonly _tag: "Number"; readonly value: number; readonly text: string; readonly at: number }
  | { readonly _tag: "DateTime"; readonly value: number; readonly text: string; readonly at: number }
  | { readonly _tag: "Day"; readonly text: string; readonly at: number }
  | { readonly _tag: "Symbol"; readonly text: string; readonly at: number }
  | { readonly _tag: "End"; readonly text: "<EOF>"; readonly at: number }

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/** All tokens of a text; the last one is `End`. @category reading @since 0.1.0 */
export const read = (soql: string): Result.Result<ReadonlyArray<Token>, Refusal.Refusal> => {
  const tokens: Array<Token> = []
  let at = 0
  while (true) {
    blank.lastIndex = at
    at += blank.exec(soql)?.[0].length ?? 0
    if (at >= soql.length) return Result.succeed([...tokens, { _tag: "End", text: "<EOF>", at }])
    const found = match(soql, at)
    if (found === undefined) return unexpected(soql, at)
    tokens.push(found.token)
    at = found.end
  }
}

/** @category escapes @since 0.1.0 */
export const escape = (text: string): string =>
  text.replace(/[\\'\n\r\t\b\f]/g, (character) => `\\${written.get(character) ?? character}`)

/**
 * What a quoted text stands for. `undefined` when it has an escape SOQL does not
 * know. `\_` and `\%` stand for themselves outside of LIKE.
 *
 * @category escapes
 * @since 0.1.0
 */
export const unescape = (raw: string): string | undefined => {
  let isKnown = true
  const text = raw.replace(/\\(u[0-9a-fA-F]{4}|[^])/g, (_, code: string) => {
    if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    const meant = meanings.get(code.toLowerCase())
    if (meant === undefined) isKnown = false
    return meant ?? ""
  })
  return isKnown ? text : undefined
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const blank = /\s*/y
const quoted = /'((?:[^'\\\n\r]|\\[^])*)'/y
const dateTime = /\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?/iy
const day = /\d{4}-\d\d-\d\d/y
const number = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)/y
const word = /[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*/y
const symbol = /<=|>=|!=|<>|[(),=<>]/y

const meanings: ReadonlyMap<string, string> = new Map([
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["b", "\b"],
  ["f", "\f"],
  ["_", "_"],
  ["%", "%"]
])
const written: ReadonlyMap<string, string> = new Map([
  ["\n", "n"],
  ["\r", "r"],
  ["\t", "t"],
  ["\b", "b"],
  ["\f", "f"]
])

interface Found {
  readonly token: Token
  readonly end: number
}

const take = (pattern: RegExp, soql: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(soql)
}

const match = (soql: string, at: number): Found | undefined => {
  const first = soql.charAt(at)
  if (first === "'") return matchQuoted(soql, at)
  if (/[0-9.+-]/.test(first)) return matchNumeric(soql, at)
  const name = take(word, soql, at)
  if (name !== null) return { token: { _tag: "Word", text: name[0], at }, end: at + name[0].length }
  const sign = take(symbol, soql, at)?.[0]
  return sign === undefined
    ? undefined
    : { token: { _tag: "Symbol", text: sign === "<>" ? "!=" : sign, at }, end: at + sign.length }
}

const matchQuoted = (soql: string, at: number): Found | undefined => {
  const found = take(quoted, soql, at)
  const [whole, raw] = found ?? []
  const text = raw === undefined ? undefined : unescape(raw)
  return whole === undefined || raw === undefined || text === undefined
    ? undefined
    : { token: { _tag: "Text", raw, text, at }, end: at + whole.length }
}

const matchNumeric = (soql: string, at: number): Found | undefined => {
  const [moment] = take(dateTime, soql, at) ?? []
  if (moment !== undefined) {
    const value = Instant.parse(moment)
    return value === undefined
      ? undefined
      : { token: { _tag: "DateTime", value, text: moment, at }, end: at + moment.length }
  }
  const [date] = take(day, soql, at) ?? []
  if (date !== undefined) {
    return Instant.parseDay(date) === undefined
      ? undefined
      : { token: { _tag: "Day", text: date, at }, end: at + date.length }
  }
  const [digits] = take(number, soql, at) ?? []
  if (digits === undefined || /[A-Za-z0-9_]/.test(soql.charAt(at + digits.length))) return undefined
  const value = Number(digits)
  return Number.isFinite(value)
    ? { token: { _tag: "Number", value, text: digits, at }, end: at + digits.length }
    : undefined
}

const unexpected = (soql: string, at: number) =>
  Refusal.fail(
    400,
    "MALFORMED_QUERY",
    soql.charAt(at) === "'" && take(quoted, soql, at) === null
      ? Refusal.point(soql, at, "mismatched character '<EOF>' expecting '''")
      : Refusal.point(soql, at, `unexpected token: '${soql.slice(at, at + 20)}'`)
  )
