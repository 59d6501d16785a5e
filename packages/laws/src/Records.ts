/**
 * Generated records of any canonical schema.
 *
 * @since 0.1.0
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"

/**
 * Records as the schema's own arbitrary makes them; now and then with one text that
 * is far longer than usual, where the schema allows it. A counterexample is made
 * smaller by another seed, not inside the record.
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const fromSchema = <A extends object>(schema: FieldDiffer.RecordSchema<A>): fc.Arbitrary<A> => {
  const arbitrary = Arbitrary.schema(schema)
  const isRecord = Schema.is(schema)
  const record = fc
    .record({ seed: fc.nat(), size: fc.integer({ min: 1, max: 30 }) })
    .map(({ seed, size }) => Effect.runSync(Arbitrary.sampleEffect(arbitrary, { count: 1, seed, size }))[0]!)
  const texts = Object.keys(schema.fields)
  return fc
    .record({ record, place: fc.nat(Math.max(0, texts.length - 1)), length: fc.constantFrom(0, 0, 0, 300, 5000) })
    .map(({ length, place, record }) => {
      const long = lengthened(record, texts[place], length)
      return isRecord(long) ? long : record
    })
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const lengthened = <A extends object>(record: A, field: string | undefined, length: number): A => {
  const value = field === undefined ? undefined : Object.getOwnPropertyDescriptor(record, field)?.value
  return typeof value === "string" && length > 0 ? { ...record, [field!]: value.padEnd(length, "long text ") } : record
}
