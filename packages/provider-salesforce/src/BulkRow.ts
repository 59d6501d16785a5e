/**
 * Rows of bulk files as rows of REST, so that both have one canonical form.
 *
 * A bulk file is text throughout (Bulk API 2.0 guide, "Get Results"): numbers and
 * booleans are written out, integers perhaps as `0.0`, and an empty text stands for
 * no value. Here they become what REST would have answered; what does not fit its
 * field's type stays as it is, and is refused where records are read.
 *
 * Every page of a result begins with the header again. It is checked against the
 * fields that were asked for, and passed over where it comes again.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Result from "effect/Result"
import type * as Canonical from "./Canonical.ts"
import type * as Csv from "./Csv.ts"
import type * as Describe from "./Describe.ts"
import * as SalesforceError from "./SalesforceError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * Reads the rows of one result, header first, whatever the number of its pages.
 * `undefined` for a header. Mutable.
 *
 * @category models
 * @since 0.1.0
 */
export type Reader = (row: Csv.Row) => Result.Result<Canonical.Row | undefined, ChangeSource.SourceError>

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Fails with `Malformed` when the header does not name exactly these fields, each
 * once, in any order. Among them must be Id: a row that is no header can then not
 * look like one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reader = (source: string, fields: ReadonlyArray<Describe.Field>): Reader => {
  let header: Csv.Row | undefined
  let read: ReadonlyArray<Column> = []
  return (row) => {
    if (header === undefined) {
      const columns = columnsOf(fields, row)
      if (typeof columns === "string") return Result.fail(SalesforceError.malformed(source, columns))
      header = row
      read = columns
      return Result.succeed(undefined)
    }
    const { length } = header
    if (row.length !== length)
      return Result.fail(SalesforceError.malformed(source, `A row has ${row.length} fields, and the header ${length}`))
    return Result.succeed(row.every((cell, index) => cell === header![index]) ? undefined : toRow(read, row))
  }
}

/** What REST would have answered for a field of this type. @category conversions @since 0.1.0 */
export const value = (type: string, cell: string): string | number | boolean | null => {
  if (cell === "") return null
  if (type === "boolean") return cell === "true" ? true : cell === "false" ? false : cell
  return numbers.has(type) && decimal.test(cell) ? Number(cell) : cell
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Column {
  readonly name: string
  readonly type: string
}

const numbers: ReadonlySet<string> = new Set(["int", "long", "double", "currency", "percent"])

const decimal = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

// Names of fields are the same whatever their case.
const columnsOf = (fields: ReadonlyArray<Describe.Field>, header: Csv.Row): ReadonlyArray<Column> | string => {
  const wanted = new Map(fields.map((field) => [field.name.toLowerCase(), field]))
  if (!wanted.has("id")) return "A result without Id has no rows that could be told from its headers"
  const columns: Array<Column> = []
  for (const name of header) {
    const field = wanted.get(name.toLowerCase())
    if (field === undefined) return `The header names "${SalesforceError.excerpt(name)}", which was not asked for`
    wanted.delete(name.toLowerCase())
    columns.push(field)
  }
  const [missing] = wanted.values()
  return missing === undefined ? columns : `The header does not name ${missing.name}`
}

const toRow = (columns: ReadonlyArray<Column>, row: Csv.Row): Canonical.Row =>
  Object.fromEntries(columns.map(({ name, type }, index) => [name, value(type, row[index]!)]))
