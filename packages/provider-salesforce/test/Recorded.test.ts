/**
 * Recorded files are read for what they are: every file below the folder of
 * Salesforce has a test here or is named as none of a reader's.
 *
 * Method: rows and columns are counted a second time by a count that knows nothing
 * but quotes. Where the recordings are not at hand the tests are skipped.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as BulkRow from "../src/BulkRow.ts"
import * as ChangeEvent from "../src/ChangeEvent.ts"
import * as Csv from "../src/Csv.ts"
import * as ErrorCode from "../src/ErrorCode.ts"
import { pieces } from "./support/CsvWriting.ts"
import * as Recorded from "./support/Recorded.ts"

const files: ReadonlyArray<readonly [name: string, delimiter: string]> = [
  ["salesforce/jsforce/Account_bulk1_test.csv", ","],
  ["salesforce/jsforce/Account_bulk2_test.csv", ","],
  ["salesforce/jsforce/Account_bulk2_test_backquote.csv", "`"]
]
const codes = "salesforce/jsforce/salesforce_soap_exception_and_status_codes.json"
const events = "salesforce/cdc/cdc-events.json"
const others = ["salesforce/jsforce/LICENSE"]

/** Rows, and fields of each, by the parity of the quotes before every break and delimiter. */
const count = (text: string, delimiter: string): ReadonlyArray<number> => {
  const widths: Array<number> = []
  let [width, quotes] = [1, 0]
  for (const character of text) {
    if (character === '"') quotes += 1
    if (quotes % 2 === 1) continue
    if (character === delimiter) width += 1
    if (character !== "\n") continue
    widths.push(width)
    width = 1
  }
  return text.endsWith("\n") ? widths : [...widths, width]
}

const read = (name: string, delimiter: string, size: number) =>
  Effect.runPromise(
    Stream.runCollect(Csv.rows({ delimiter })(Stream.fromIterable(pieces(new Uint8Array(Recorded.read(name)), size))))
  )

describe.skipIf(Recorded.folder === undefined)("recorded files of Salesforce", () => {
  it("are all looked at", () => {
    const known = [...files.map(([name]) => name), codes, events, ...others]
    assert.deepEqual(Recorded.names("salesforce"), known.toSorted())
  })

  it.each(files)(
    "%s has the rows and fields that a second count finds, in pieces of any size",
    async (name, delimiter) => {
      const widths = count(Recorded.read(name).toString("utf8"), delimiter)
      assert.ok(widths.length > 10 && widths.every((width) => width > 4))
      const whole = await read(name, delimiter, 1 << 20)
      assert.deepEqual(
        whole.map((row) => row.length),
        widths
      )
      for (const size of [1, 7, 1000]) assert.deepEqual(await read(name, delimiter, size), whole)
    }
  )

  it("amounts with an exponent are numbers, addresses keep their line breaks", async () => {
    const [header, ...rows] = await read(files[0]![0], ",", 1000)
    const fields = header!.map((name) => ({ name, type: name === "ANNUALREVENUE" ? "currency" : "string" }))
    const reader = BulkRow.reader("recorded", [...fields, { name: "Id", type: "id" }])
    assert.equal(Result.getOrThrow(reader([...header!, "Id"])), undefined)
    const [first] = rows.map((row) => Result.getOrThrow(reader([...row, ""])))
    assert.equal(first?.["ANNUALREVENUE"], 30_000_000)
    assert.equal(first?.["PARENTID"], null)
    assert.equal(String(first?.["BILLINGSTREET"]).split("\n").length, 3)
  })

  it("every code of an error is in the table, and no other", () => {
    const { ExceptionCode, StatusCode } = JSON.parse(Recorded.read(codes).toString("utf8"))
    assert.deepEqual(
      [...new Set<string>([...ExceptionCode, ...StatusCode])].toSorted(),
      Object.values(ErrorCode.partner).flat().toSorted()
    )
  })

  it("change events have a header, and its bitmaps mark the fields that the guide says", () => {
    const exact = (key: string, value: unknown, { source }: { readonly source?: string } = {}) =>
      key === "commitNumber" ? BigInt(source!) : value
    const {
      account_avro_field_order: order,
      address_avro_field_order: parts,
      events: all
    } = parse(Recorded.read(events).toString("utf8"), exact)
    const places = order.map((name) => (name.endsWith("Address") ? { name, fields: parts } : { name }))
    for (const { expected_changed_fields: expected, header, id } of all) {
      const decoded = Schema.decodeUnknownSync(ChangeEvent.Header)(header)
      assert.deepEqual(ChangeEvent.marked("cdc", decoded.changedFields, places), Result.succeed(expected), id)
      assert.deepEqual(decoded, header)
    }
    assert.ok(all.some(({ header }) => (header as ChangeEvent.Header).commitNumber > 2n ** 53n))
    assert.ok(all.some(({ expected_changed_fields: expected }) => expected.length > 0))
  })
})

/** The source of a number, which holds more digits than the number, is told to the third argument. */
const parse = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context?: { readonly source?: string }) => unknown
) => {
  readonly account_avro_field_order: ReadonlyArray<string>
  readonly address_avro_field_order: ReadonlyArray<string>
  readonly events: ReadonlyArray<{
    readonly id: string
    readonly header: unknown
    readonly expected_changed_fields: ReadonlyArray<string>
  }>
}
