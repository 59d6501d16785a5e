/**
 * CSV (RFC 4180), read piece by piece: text in pieces of any size in, rows out.
 *
 * A field in quotes may hold delimiters, line breaks and doubled quotes, and keeps
 * its line breaks as they are. A row ends with LF or CRLF, and the last one may end
 * with the text. Every row has as many fields as the first.
 *
 * **Laws**
 *
 * - pieces: where a text is cut changes nothing;
 * - round trip: rows that were written are the rows that are read;
 * - bounded: no field, row or number of columns grows beyond its limit;
 * - what is no CSV is a `CsvError`, never a row that was guessed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** The text is no CSV, or a limit was passed. `row` counts from 1; nothing of it was taken. @category errors @since 0.1.0 */
export class CsvError extends Schema.TaggedError<CsvError>()("CsvError", {
  row: Schema.Int,
  message: Schema.String
}) {}

/** The fields of a row; an empty one is `""`, in quotes or not. @category models @since 0.1.0 */
export type Row = ReadonlyArray<string>

/** @category models @since 0.1.0 */
export interface Options {
  /** One character. Defaults to a comma. */
  readonly delimiter?: string | undefined
  /** Longest field, in characters. Defaults to 1,048,576. */
  readonly fieldMax?: number | undefined
  /** Longest row, all of its fields together, in characters. Defaults to 4,194,304. */
  readonly rowMax?: number | undefined
  /** Most fields of a row. Defaults to 5,000. */
  readonly columnsMax?: number | undefined
}

type Rows = Result.Result<ReadonlyArray<Row>, CsvError>

/** Reads one text. Mutable; of no use after its end, or after it failed. @category models @since 0.1.0 */
export interface Reader {
  /** The rows that a piece completes. */
  readonly push: (piece: string) => Rows
  /** The row that only the end completes. */
  readonly end: () => Rows
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const reader = (options: Options = {}): Reader => {
  const { columnsMax = 5000, delimiter = ",", fieldMax = 1024 * 1024, rowMax = 4 * 1024 * 1024 } = options
  const limits: Limits = { delimiter, fieldMax, rowMax, columnsMax }
  const state: State = {
    mode: "Start",
    field: "",
    cells: [],
    size: 0,
    width: undefined,
    number: 1,
    rows: [],
    problem: undefined
  }
  const taken = (): Rows => {
    if (state.problem !== undefined) return Result.fail(new CsvError({ row: state.number, message: state.problem }))
    const { rows } = state
    state.rows = []
    return Result.succeed(rows)
  }
  return {
    push: (piece) => {
      for (let at = 0; at < piece.length && state.problem === undefined;) at = advance(state, limits, piece, at)
      return taken()
    },
    end: () => {
      if (state.problem === undefined) finish(state, limits)
      return taken()
    }
  }
}

/**
 * Reads UTF-8 as rows, each piece's together.
 *
 * @category combinators
 * @since 0.1.0
 */
export const rows =
  (options: Options = {}) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Row, E | CsvError, R> =>
    Stream.suspend(() => {
      const decoder = new TextDecoder("utf-8", { fatal: true })
      const { end, push } = reader(options)
      const decode = (piece?: Uint8Array): Result.Result<string, CsvError> =>
        Result.try({
          try: () => (piece === undefined ? decoder.decode() : decoder.decode(piece, { stream: true })),
          catch: () => new CsvError({ row: 0, message: "The text is not UTF-8" })
        })
      const read = (piece: Uint8Array) => Effect.fromResult(Result.flatMap(decode(piece), push))
      const last = Effect.suspend(() =>
        Effect.fromResult(
          Result.gen(function* () {
            return [...(yield* push(yield* decode())), ...(yield* end())]
          })
        )
      )
      return Stream.concat(Stream.mapEffect(bytes, read), Stream.fromEffect(last)).pipe(Stream.flattenIterable)
    })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Limits = Required<{ readonly [K in keyof Options]: Exclude<Options[K], undefined> }>

interface State {
  /** `Closed`: behind a quote that ends the field, or is the first of two. `Return`: between CR and LF. */
  mode: "Start" | "Plain" | "Quoted" | "Closed" | "Return"
  field: string
  cells: Array<string>
  /** Of the row so far. */
  size: number
  /** Of the first row. */
  width: number | undefined
  number: number
  rows: Array<Row>
  problem: string | undefined
}

/** Reads on from `at`, and says how far it came: at least one character, or into another mode. */
const advance = (state: State, limits: Limits, piece: string, at: number): number => {
  switch (state.mode) {
    case "Start":
      state.mode = piece[at] === '"' ? "Quoted" : "Plain"
      return state.mode === "Quoted" ? at + 1 : at
    case "Plain": {
      const end = endOfPlain(piece, at, limits.delimiter)
      take(state, limits, piece.slice(at, end))
      if (end === piece.length) return end
      if (piece[end] === '"') return fail(state, "a quote stands inside a field that does not begin with one", end)
      return separate(state, limits, piece, end)
    }
    case "Quoted": {
      const quote = piece.indexOf('"', at)
      const end = quote < 0 ? piece.length : quote
      take(state, limits, piece.slice(at, end))
      if (quote < 0) return end
      state.mode = "Closed"
      return end + 1
    }
    case "Closed":
      if (piece[at] === '"') {
        take(state, limits, '"')
        state.mode = "Quoted"
        return at + 1
      }
      return separate(state, limits, piece, at)
    case "Return":
      if (piece[at] !== "\n") return fail(state, "a carriage return stands alone", at)
      endRow(state, limits)
      return at + 1
  }
}

const endOfPlain = (piece: string, at: number, delimiter: string): number => {
  const own = delimiter.charCodeAt(0)
  for (let index = at; index < piece.length; index++) {
    const code = piece.charCodeAt(index)
    if (code === own || code === 10 || code === 13 || code === 34) return index
  }
  return piece.length
}

// What may stand behind a field.
const separate = (state: State, limits: Limits, piece: string, at: number): number => {
  const character = piece[at]
  if (character === limits.delimiter) endField(state, limits)
  else if (character === "\n") endRow(state, limits)
  else if (character === "\r") state.mode = "Return"
  else fail(state, "text stands behind a closing quote", at)
  return at + 1
}

const take = (state: State, { fieldMax, rowMax }: Limits, text: string): void => {
  state.field += text
  state.size += text.length
  if (state.field.length > fieldMax) fail(state, `a field is longer than ${fieldMax} characters`, 0)
  else if (state.size > rowMax) fail(state, `the row is longer than ${rowMax} characters`, 0)
}

const endField = (state: State, { columnsMax }: Limits): void => {
  state.cells.push(state.field)
  state.field = ""
  state.mode = "Start"
  if (state.cells.length > columnsMax) fail(state, `the row has more than ${columnsMax} fields`, 0)
}

const endRow = (state: State, limits: Limits): void => {
  endField(state, limits)
  if (state.problem !== undefined) return
  const { cells } = state
  state.width ??= cells.length
  if (cells.length !== state.width) {
    fail(state, `the row has ${cells.length} fields, and the first has ${state.width}`, 0)
    return
  }
  state.rows.push(cells)
  state.cells = []
  state.size = 0
  state.number += 1
}

const finish = (state: State, limits: Limits): void => {
  if (state.mode === "Quoted") fail(state, "the text ends inside quotes", 0)
  else if (state.mode === "Return") fail(state, "a carriage return stands alone", 0)
  else if (state.mode !== "Start" || state.cells.length > 0) endRow(state, limits)
}

const fail = (state: State, problem: string, at: number): number => {
  state.problem = `Row ${state.number} is no CSV: ${problem}`
  return at
}
