// Goal: every field has a column that gives its values back, or the table is not made.
// Method: the default of each kind of field as a table; names and types that do not fit.
import * as PgColumn from "@tidemark/sql-pg/PgColumn"
import { PgSink } from "@tidemark/sql-pg"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { describe, it } from "vitest"

class Address extends Schema.Class<Address>("Address")({ street: Schema.String }) {}

const defaults: ReadonlyArray<readonly [string, Schema.Codec<unknown>, PgColumn.PgType, PgColumn.PgColumn["missing"]]> =
  [
    ["string", Schema.String, "text", "Never"],
    ["checked string", Schema.NonEmptyString.check(Schema.isMaxLength(5)), "text", "Never"],
    ["branded string", Schema.String.pipe(Schema.brand("Id")), "text", "Never"],
    ["literals", Schema.Literals(["a", "b"]), "text", "Never"],
    ["template", Schema.TemplateLiteral(["a-", Schema.String]), "text", "Never"],
    ["bytes", Schema.Uint8Array, "text", "Never"],
    ["day", Schema.String.annotate({ format: "date" }), "date", "Never"],
    ["checked day", Schema.String.check(Schema.isMinLength(10)).annotate({ format: "date" }), "date", "Never"],
    ["stamp", Schema.NullOr(Schema.String.annotate({ format: "date-time" })), "timestamptz", "Null"],
    ["date", Schema.Date, "timestamptz", "Never"],
    ["instant", Schema.NullOr(Schema.DateTimeUtc), "timestamptz", "Null"],
    ["integer", Schema.Int, "bigint", "Never"],
    ["checked integer", Schema.Int.check(Schema.isGreaterThan(0)), "bigint", "Never"],
    ["number", Schema.Finite, "float8", "Never"],
    ["number literals", Schema.Literals([1, 2.5]), "float8", "Never"],
    ["any number", Schema.Number, "jsonb", "Never"],
    ["big integer", Schema.BigInt, "numeric", "Never"],
    ["decimal", Schema.optionalKey(Schema.BigDecimal), "numeric", "Absent"],
    ["boolean", Schema.optional(Schema.Boolean), "boolean", "Absent"],
    ["undefined or", Schema.UndefinedOr(Schema.Boolean), "boolean", "Null"],
    ["mixed", Schema.Union([Schema.String, Schema.Int]), "jsonb", "Never"],
    ["array", Schema.Array(Schema.Int), "jsonb", "Never"],
    ["struct", Schema.Struct({ a: Schema.Int }), "jsonb", "Never"],
    ["class", Address, "jsonb", "Never"],
    ["record", Schema.Record(Schema.String, Schema.Json), "jsonb", "Never"],
    ["duration", Schema.Duration, "jsonb", "Never"],
    ["json", Schema.Json, "jsonb", "Null"],
    ["optional json", Schema.optionalKey(Schema.Json), "jsonb", "AbsentOrNull"],
    ["absent or null", Schema.optionalKey(Schema.NullOr(Schema.String)), "jsonb", "AbsentOrNull"]
  ]

describe("columns", () => {
  it.each(defaults)("%s", (_, schema, type, missing) => {
    const column = PgColumn.make("field", schema)
    assert.deepEqual([column.type, column.missing], [type, missing])
  })

  it("an annotation and the options, which come first, say what differs", () => {
    const annotated = Schema.NullOr(Schema.String.annotate({ pgColumn: { name: "her_id", type: "uuid" } }))
    const { name, type } = PgColumn.make("herId", annotated)
    assert.deepEqual([name, type], ["her_id", "uuid"])
    const column = PgColumn.make("herId", annotated, { type: "text" })
    assert.deepEqual([column.name, column.type], ["her_id", "text"])
  })

  it("a type that would give other values back is refused, and so is a name that is no identifier", () => {
    assert.throws(() => PgColumn.make("size", Schema.Finite, { type: "bigint" }), /size does not fit .* bigint/)
    assert.throws(() => PgColumn.make("size", Schema.Finite, { type: "text" }), /it can be float8, numeric, jsonb/)
    assert.throws(() => PgColumn.make("a", Schema.optionalKey(Schema.NullOr(Schema.Int)), { type: "bigint" }), /jsonb/)
    const make = (options: { table?: string; column?: string; extras?: string }) => () =>
      PgSink.make({
        table: options.table ?? "t",
        schema: Schema.Struct({ field: Schema.String }),
        ...(options.column === undefined ? {} : { columns: { field: { name: options.column } } }),
        ...(options.extras === undefined ? {} : { extras: options.extras as "field" })
      })
    for (const name of ['a"b', "a b", "", "1a", "a;--", "\u00e9", "a".repeat(64), "a\0"]) {
      assert.throws(make({ column: name }), /is no plain SQL name/)
      assert.throws(make({ table: name }), /is no plain SQL name/)
    }
    assert.throws(make({ table: "a.b.c" }), /is no name of a table/)
    assert.throws(make({ column: "tenant" }), /the name tenant/)
    assert.throws(make({ extras: "nothing" }), /there is no field nothing/)
  })
})
