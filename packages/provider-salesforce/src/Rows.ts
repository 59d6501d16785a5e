/**
 * Whole rows of one object, whatever it takes to read them.
 *
 * The first part of a list of fields is read by pages; the other parts are asked
 * for exactly the Ids of each page. A record whose parts bear different stamps is
 * read again by Id, all parts of it, a bounded number of times. One that is still
 * edited between every two reads is left out: its stamp has moved past the page,
 * so a later window has it. One that no part shows any more is gone.
 *
 * Two edits within one second share a stamp and cannot be told apart. The second
 * of them is younger than the read, so it lies above the horizon and is read again.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Canonical from "./Canonical.ts"
import type * as Mapping from "./Mapping.ts"
import * as Parts from "./Parts.ts"
import type * as SalesforceClient from "./SalesforceClient.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as Soql from "./Soql.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

type Read<A> = Effect.Effect<A, ChangeSource.SourceError>

/** @category models @since 0.1.0 */
export interface Rows {
  /** Text of the query for the first part. */
  readonly query: (
    where: Soql.Expression | undefined,
    orderBy: ReadonlyArray<Soql.Order>,
    limit?: number
  ) => Read<string>
  /**
   * All of the rows of a page of `query`, in its order; `undefined` where a record
   * is gone, or was edited so often that its parts did not come together.
   */
  readonly complete: (
    page: ReadonlyArray<Canonical.Row>,
    isWithBin: boolean
  ) => Read<ReadonlyArray<Canonical.Row | undefined>>
  /** Rows by canonical Id, without the recycle bin. Those that do not exist are left out. */
  readonly byId: (ids: ReadonlyArray<string>) => Read<ReadonlyArray<Canonical.Row>>
}

/** @category models @since 0.1.0 */
export interface Options {
  readonly client: SalesforceClient.SalesforceClient["Service"]
  readonly mapping: Mapping.Mapping
  readonly parts: Parts.Parts
}

/**
 * How often the parts of a record are read until they bear one stamp.
 *
 * @category constants
 * @since 0.1.0
 */
export const readingsMax = 4

/**
 * Most rows read at a stretch. A page may have 2,000, and whoever waits for this process, a database for its next
 * statement, should wait a millisecond and not a page.
 *
 * @category constants
 * @since 0.1.0
 */
export const turn = 200

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (options: Options): Rows => {
  const { mapping, parts } = options
  return {
    query: (where, orderBy, limit) => format(mapping, { select: parts[0].select, where, orderBy, limit }),
    complete: (page, isWithBin) => (parts.length === 1 ? Effect.succeed(page) : complete(options, page, isWithBin)),
    byId: Effect.fnUntraced(function* (ids) {
      const { torn, whole } = yield* together(options, ids, false)
      const [first] = torn.keys()
      return first === undefined ? [...whole.values()] : yield* unsteady(mapping, first)
    })
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type ById = ReadonlyMap<string, Canonical.Row>

const complete = Effect.fnUntraced(function* (
  options: Options,
  page: ReadonlyArray<Canonical.Row>,
  isWithBin: boolean
): Effect.fn.Return<ReadonlyArray<Canonical.Row | undefined>, ChangeSource.SourceError> {
  const { mapping } = options
  const places = yield* Effect.fromResult(Result.all(page.map(mapping.place)))
  const first = new Map<string, Canonical.Row>()
  const stamps = new Map<string, string>()
  for (const [index, { at, id }] of places.entries()) {
    stamps.set(id, at)
    // Of a deleted record nothing more is told than that it is.
    if (page[index]!["IsDeleted"] !== true) first.set(id, page[index]!)
  }
  const { torn, whole } = yield* together(options, [...first.keys()], isWithBin, first)
  for (const [id, newest] of torn) if (newest <= stamps.get(id)!) return yield* unsteady(mapping, id)
  return places.map(({ id }, index) => (first.has(id) ? whole.get(id) : page[index]))
})

interface Together {
  readonly whole: ById
  /** Records whose parts never bore one stamp, with the newest stamp seen. */
  readonly torn: ReadonlyMap<string, string>
}

const together = Effect.fnUntraced(function* (
  options: Options,
  ids: ReadonlyArray<string>,
  isWithBin: boolean,
  read?: ById
): Effect.fn.Return<Together, ChangeSource.SourceError> {
  const whole = new Map<string, Canonical.Row>()
  let open = ids
  let first = read
  let torn = new Map<string, string>()
  for (let reading = 0; reading < readingsMax && open.length > 0; reading++) {
    const answers: Array<ById> = []
    for (const [index, part] of options.parts.entries()) {
      answers.push(index === 0 && first !== undefined ? first : yield* ask(options, part, open, isWithBin))
    }
    torn = new Map()
    for (const id of open) {
      const merged = Parts.merge(answers.map((answer) => answer.get(id)))
      if (merged._tag === "Whole") whole.set(id, merged.row)
      else if (merged._tag === "Torn") torn.set(id, merged.newest)
    }
    first = undefined
    open = [...torn.keys()]
  }
  return { whole, torn }
})

const ask = Effect.fnUntraced(function* (
  { client, mapping }: Options,
  part: Parts.Part,
  ids: ReadonlyArray<string>,
  isWithBin: boolean
): Effect.fn.Return<ById, ChangeSource.SourceError> {
  const found = new Map<string, Canonical.Row>()
  for (const chunk of Arr.chunksOf(ids, part.idsMax)) {
    if (!Arr.isReadonlyArrayNonEmpty(chunk)) continue
    const where = Soql.isIn("Id", Arr.map(chunk, Soql.id))
    const text = yield* format(mapping, { select: part.select, where, orderBy: [] })
    yield* Stream.runForEach(
      client.pages(text, { deleted: isWithBin }),
      Effect.fnUntraced(function* ({ rows }) {
        for (const row of rows) found.set((yield* Effect.fromResult(mapping.place(row))).id, row)
      })
    )
  }
  return found
})

const format = (mapping: Mapping.Mapping, query: Omit<Soql.Query, "from">): Read<string> =>
  Effect.mapError(Effect.fromResult(Soql.format({ from: mapping.object, ...query })), ({ message }) =>
    SalesforceError.invalid(mapping.label, message)
  )

const unsteady = (mapping: Mapping.Mapping, id: string) =>
  SalesforceError.unavailable(
    mapping.label,
    `The record ${id} was shown with different stamps each time its fields were read, ${readingsMax} times. Read again later.`
  )
