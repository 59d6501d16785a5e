/**
 * Pages of queries, and the addresses of those that follow.
 *
 * **Guarantees**
 *
 * - all pages of a query show its result as it was when the query was made;
 * - a page has as many rows as asked for or fewer, and at least one unless there
 *   are none; only `done` says that it is the last;
 * - an address asked twice answers twice the same, until it expires.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Instant from "./Instant.ts"
import type * as Query from "./Query.ts"
import * as Random from "./Random.ts"
import * as RecordId from "./RecordId.ts"
import * as Refusal from "./Refusal.ts"
import type * as Store from "./Store.ts"
import * as Values from "./Values.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Locators {
  readonly seed: number
  /** Pages are often shorter than asked for. */
  readonly shortPages: boolean
  /** Most rows of a page, whatever is asked. */
  readonly pageMax: number
  /** How long addresses live, in ms. */
  readonly lifeMs: number
  readonly cursors: Map<string, Cursor>
  /** Queries so far. */
  count: number
}

interface Cursor {
  readonly id: string
  readonly query: Query.Query
  readonly rows: ReadonlyArray<Store.Version>
  readonly batchSize: number
  readonly openedAt: number
  readonly number: number
}

/** A page as the server sends it. @category models @since 0.1.0 */
export interface Page {
  readonly totalSize: number
  readonly done: boolean
  readonly nextRecordsUrl?: string
  readonly records: ReadonlyArray<object>
}

/** Most rows of a page, and how many there are when nothing is asked. @category constants @since 0.1.0 */
export const batchMax = 2000
/** @category constants @since 0.1.0 */
export const batchMin = 200

/** How long addresses live unless told, in ms (SOQL and SOSL reference: two days). @category constants @since 0.1.0 */
export const usualMs = 2 * Instant.day

/** Most values of a page: pages of wide rows have half as many rows, a quarter, and so on. @category constants @since 0.1.0 */
export const valuesMax = 200_000

/** Queries with pages still to come; the oldest gives way. @category constants @since 0.1.0 */
export const openMax = 1000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (
  seed: number,
  shortPages: boolean,
  lifeMs: number = usualMs,
  pageMax: number = batchMax
): Locators => ({
  seed,
  shortPages,
  pageMax,
  lifeMs,
  cursors: new Map(),
  count: 0
})

/** The header `Sforce-Query-Options`, out of range or malformed: the usual size. @category constructors @since 0.1.0 */
export const batchSize = (header: string | undefined): number => {
  const asked = Number(/batchSize\s*=\s*(\d{1,6})/i.exec(header ?? "")?.[1] ?? batchMax)
  return Math.min(batchMax, Math.max(batchMin, asked))
}

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** The first page of a result. `base` is `/services/data/v66.0`, `now` in ms. @category combinators @since 0.1.0 */
export const open = (
  locators: Locators,
  query: Query.Query,
  rows: ReadonlyArray<Store.Version>,
  options: { readonly batchSize: number; readonly now: number; readonly base: string }
): Page => {
  const number = locators.count++
  const id = RecordId.make("0r8", "xx0", Random.hash(locators.seed, number, 8)).slice(0, 15) + "QAZ"
  const cursor: Cursor = { id, query, rows, batchSize: options.batchSize, openedAt: options.now, number }
  const first = page(locators, cursor, 0, options.base)
  if (first.done) return first
  locators.cursors.set(id, cursor)
  for (const oldest of locators.cursors.keys()) {
    if (locators.cursors.size <= openMax) break
    locators.cursors.delete(oldest)
  }
  return first
}

/** The page at an address: `0r8xx0000012345QAZ-2000`. @category combinators @since 0.1.0 */
export const more = (
  locators: Locators,
  locator: string,
  options: { readonly now: number; readonly base: string }
): Result.Result<Page, Refusal.Refusal> => {
  const [, id = "", offset = ""] = /^([a-zA-Z0-9]{18})-(\d{1,9})$/.exec(locator) ?? []
  const cursor = locators.cursors.get(id)
  const from = Number(offset)
  if (cursor === undefined || cursor.openedAt + locators.lifeMs <= options.now || from >= cursor.rows.length) {
    return Result.fail(Refusal.locatorInvalid)
  }
  return Result.succeed(page(locators, cursor, from, options.base))
}

/** Forgets all addresses given so far. @category combinators @since 0.1.0 */
export const expire = (locators: Locators): void => locators.cursors.clear()

/** A record as rows show it: its attributes, then the columns in the order asked. @category combinators @since 0.1.0 */
export const row = (
  { columns, entity }: Pick<Query.Query, "columns" | "entity">,
  { id, values }: Store.Version,
  base: string
): object => {
  const shown: { [name: string]: unknown } = {
    attributes: { type: entity.name, url: `${base}/sobjects/${entity.name}/${id}` }
  }
  if (columns === "count()") return shown
  for (const field of columns) {
    shown[field.name] = field.type === "address" ? Values.address(field, values) : (values[field.name] ?? null)
  }
  return shown
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const page = (locators: Locators, cursor: Cursor, from: number, base: string): Page => {
  const { id, query, rows } = cursor
  if (query.columns === "count()") return { totalSize: rows.length, done: true, records: [] }
  const end = from + size(locators, cursor, from)
  const records = rows.slice(from, end).map((version) => row(query, version, base))
  return end >= rows.length
    ? { totalSize: rows.length, done: true, records }
    : { totalSize: rows.length, done: false, nextRecordsUrl: `${base}/query/${id}-${end}`, records }
}

// Two pages of three are whole, the third has any number of rows.
const size = ({ pageMax, seed, shortPages }: Locators, cursor: Cursor, from: number): number => {
  const { number, query } = cursor
  const batchSize = Math.min(cursor.batchSize, pageMax, rowsMax(query.columns.length))
  const drawn = Random.hash(seed, number, from)
  return shortPages && drawn % 3 === 0 ? 1 + (Math.floor(drawn / 3) % batchSize) : batchSize
}

const rowsMax = (columns: number): number => {
  let rows = batchMax
  while (rows * columns > valuesMax && rows / 2 >= batchMin) rows /= 2
  return rows
}
