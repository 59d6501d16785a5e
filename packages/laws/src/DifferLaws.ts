/**
 * What the engine relies on in anybody's differ: L17 to L21, L23.
 *
 * ```ts
 * for (const law of verifyDiffer({ differ, records })) it(law.name, () => law.check())
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as fc from "fast-check"
import * as FieldPatch from "@tidemark/core/model/FieldPatch"
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Law from "./Law.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options<A extends object> {
  readonly differ: FieldDiffer.FieldDiffer<A>
  /** The more alike they are, the more is found. `Records.fromSchema` makes them of a schema. */
  readonly records: fc.Arbitrary<A>
  /** Which fields are meant to be left out. Default: those the differ says. */
  readonly isIgnored?: (field: string) => boolean
  /** Whether two values of a field mean the same. Default: Effect's `Equal.equals`. */
  readonly isEqual?: (field: string, a: unknown, b: unknown) => boolean
}

/** Three records of one history, the first of them twice: equal, and no object the same. */
interface Some<A> {
  readonly a: A
  readonly alike: A
  readonly b: A
  readonly c: A
}

interface Sides {
  readonly isIgnored: (field: string) => boolean
  readonly isEqual: (field: string, a: unknown, b: unknown) => boolean
}

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

/** All laws of a differ. @category laws @since 0.1.0 */
export const verifyDiffer = <A extends object>(options: Options<A>): ReadonlyArray<Law.Law> => {
  const { differ, records } = options
  const sides: Sides = {
    isIgnored: options.isIgnored ?? ((field) => differ.ignored.has(field)),
    isEqual: options.isEqual ?? ((_, a, b) => Equal.equals(a, b))
  }
  const arbitrary = some(records)
  const law = (
    id: string,
    claim: string,
    holds: (differ: FieldDiffer.FieldDiffer<A>, sides: Sides, some: Some<A>) => Effect.Effect<unknown, Law.Violation>
  ) => Law.make({ id, claim, runs: 300, arbitrary, holds: (some) => holds(differ, sides, some) })
  return [
    law("L17", "equal records do not differ, whichever objects they are made of", identity),
    law("L21", "records differ in exactly the fields that are not equal, with the values of both sides", exact),
    law("L21", "fingerprints are equal if and only if nothing differs", fingerprints),
    law("L18", "a patch makes the record it was made from, of what is compared", applies),
    law("L18", "the patches of two steps combine to the patch of both", combines),
    law("L18", "a record made out of nothing is all of its fields", creates),
    law("L18", "a patch survives its JSON, with no key where there was no value", encodes),
    law("L19", "fields that are left out are in no patch, and no patch changes them", ignores),
    law("L20", "the way back is the inverse patch", inverts),
    law("L23", "a patch has own fields of the records alone, and one with others changes nothing else", ownKeys)
  ]
}

// -----------------------------------------------------------------------------
// internal: laws
// -----------------------------------------------------------------------------

type Holds = <A extends object>(
  differ: FieldDiffer.FieldDiffer<A>,
  sides: Sides,
  some: Some<A>
) => Effect.Effect<unknown, Law.Violation>

const identity: Holds = Effect.fnUntraced(function* (differ, _, { a, alike }) {
  for (const other of [a, alike]) {
    const patch = differ.diff(a, other)
    yield* Law.same("fields that differ between equal records", Object.keys(patch), [])
    yield* Law.requires(FieldPatch.isEmpty(patch), () => "the patch of equal records is not empty")
  }
})

const exact: Holds = Effect.fnUntraced(function* (differ, sides, { a, b }) {
  const patch = differ.diff(a, b)
  const expected = compared(sides, a, b).filter((field) => !isSame(sides, field, get(a, field), get(b, field)))
  yield* Law.same("fields that differ", Object.keys(patch).toSorted(), expected)
  for (const field of expected) {
    const { after, before } = patch[field]!
    yield* Law.requires(
      isSame(sides, field, before, get(a, field)),
      () => `${field} was ${show(get(a, field))}, not ${show(before)}`
    )
    yield* Law.requires(
      isSame(sides, field, after, get(b, field)),
      () => `${field} became ${show(get(b, field))}, not ${show(after)}`
    )
  }
})

const fingerprints: Holds = Effect.fnUntraced(function* (differ, sides, { a, alike, b }) {
  const print = differ.fingerprint(a)
  yield* Law.same("the fingerprint of an equal record", differ.fingerprint(alike), print)
  const isEqual = compared(sides, a, b).every((field) => isSame(sides, field, get(a, field), get(b, field)))
  yield* Law.same(`whether ${show(a)} and ${show(b)} have one fingerprint`, differ.fingerprint(b) === print, isEqual)
})

const applies: Holds = Effect.fnUntraced(function* (differ, sides, { a, b }) {
  const patched = differ.patch(a, differ.diff(a, b))
  for (const field of fieldsOf(a, b, patched)) {
    const source = sides.isIgnored(field) ? a : b
    yield* Law.requires(
      isSame(sides, field, get(patched, field), get(source, field)),
      () => `${field} is ${show(get(patched, field))} once patched, not ${show(get(source, field))}`
    )
  }
  const isSameKind = Object.getPrototypeOf(patched) === Object.getPrototypeOf(differ.patch(a, differ.empty))
  yield* Law.requires(isSameKind, () => "the patched record has another prototype")
})

const combines: Holds = (differ, sides, { a, b, c }) =>
  samePatch(sides, "the two steps in one", differ.combine(differ.diff(a, b), differ.diff(b, c)), differ.diff(a, c))

const creates: Holds = Effect.fnUntraced(function* (differ, sides, { a }) {
  const patch = differ.create(a)
  const expected = compared(sides, a).filter((field) => get(a, field) !== undefined)
  yield* Law.same("the fields", Object.keys(patch).toSorted(), expected)
  for (const field of expected) {
    const { after, before } = patch[field]!
    yield* Law.requires(before === undefined, () => `${field} was ${show(before)} before there was a record`)
    yield* Law.requires(isSame(sides, field, after, get(a, field)), () => `${field} became ${show(after)}`)
  }
})

const encodes: Holds = Effect.fnUntraced(function* (differ, _, { a, b }) {
  for (const patch of [differ.diff(a, b), differ.create(b)]) {
    const text = differ.toText(patch)
    yield* Law.same("the text of the JSON", text, JSON.stringify(differ.toJson(patch)))
    const json = JSON.parse(text) as FieldDiffer.PatchJson
    yield* Law.same("the fields in JSON", Object.keys(json).toSorted(), Object.keys(patch).toSorted())
    for (const field of Object.keys(patch)) {
      const { after, before } = patch[field]!
      const change = (get(json, field) ?? {}) as object
      const expected = [before !== undefined, after !== undefined]
      yield* Law.same(`the sides of ${field}`, ["before" in change, "after" in change], expected)
    }
  }
})

const ignores: Holds = Effect.fnUntraced(function* (differ, sides, { a, b, c }) {
  const combined = differ.combine(differ.diff(a, b), differ.diff(b, c))
  for (const patch of [differ.diff(a, b), differ.create(a), combined]) {
    const found = Object.keys(patch).filter(sides.isIgnored)
    yield* Law.same("fields in a patch that are left out", found, [])
  }
  const ignored = fieldsOf(a, b).filter(sides.isIgnored)
  const forged = Object.fromEntries(ignored.map((field) => [field, { before: get(a, field), after: get(b, field) }]))
  const patched = differ.patch(a, { ...differ.diff(a, b), ...forged })
  for (const field of ignored) {
    const isKept = isSame(sides, field, get(patched, field), get(a, field))
    yield* Law.requires(isKept, () => `${field} is left out, and a patch changed it`)
  }
})

const inverts: Holds = (differ, sides, { a, b }) =>
  samePatch(sides, "the way back", differ.diff(b, a), FieldPatch.invert(differ.diff(a, b)))

const ownKeys: Holds = Effect.fnUntraced(function* (differ, _, { a, b, c }) {
  const combined = differ.combine(differ.diff(a, b), differ.diff(b, c))
  for (const patch of [differ.diff(a, b), differ.create(b), combined]) {
    for (const field of Object.keys(patch)) {
      const isOwn = [a, b, c].some((record) => Object.hasOwn(record, field))
      yield* Law.requires(isOwn, () => `${field} is in the patch and in no record`)
    }
    for (const field in patch) {
      yield* Law.requires(Object.hasOwn(patch, field), () => `the patch inherits ${field}`)
    }
  }
  const forged = Object.create(null) as Record<string, FieldPatch.FieldChange>
  for (const field of strangers) if (!Object.hasOwn(a, field)) forged[field] = { before: undefined, after: { own: 1 } }
  const patched = differ.patch(a, forged)
  const fields = fieldsOf(patched).filter((field) => Object.hasOwn(forged, field) && !hasField(differ, a, field))
  yield* Law.same("fields that a patch of strangers made", fields, [])
  yield* Law.requires(!("own" in patched), () => "a patch changed the prototype of the record")
  yield* Law.requires(!("own" in {}), () => "a patch changed the prototype of all objects")
})

/** Names that no schema should be able to smuggle in, and one that no schema has. */
const strangers = ["__proto__", "constructor", "prototype", "a field that no record has"]

/** Whether the differ compares a field of this name: a record may lack it and have it later. */
const hasField = <A extends object>(differ: FieldDiffer.FieldDiffer<A>, record: A, field: string): boolean => {
  const other = Object.assign(Object.create(null), record) as Record<string, unknown>
  Object.defineProperty(other, field, { value: "a value", enumerable: true })
  return Object.hasOwn(differ.diff(record, other as A), field)
}

// -----------------------------------------------------------------------------
// internal: records and patches
// -----------------------------------------------------------------------------

const show = (value: unknown): string => fc.stringify(value)

/** Own value of a field; `undefined` when there is none. */
const get = (record: object, field: string): unknown => Object.getOwnPropertyDescriptor(record, field)?.value

const fieldsOf = (...records: ReadonlyArray<object>): ReadonlyArray<string> =>
  [...new Set(records.flatMap((record) => Object.keys(record)))].toSorted()

const compared = ({ isIgnored }: Sides, ...records: ReadonlyArray<object>): ReadonlyArray<string> =>
  fieldsOf(...records).filter((field) => !isIgnored(field))

const isSame = ({ isEqual }: Sides, field: string, a: unknown, b: unknown): boolean =>
  a === undefined || b === undefined ? a === b : a === b || isEqual(field, a, b)

const samePatch = Effect.fnUntraced(function* (
  sides: Sides,
  what: string,
  actual: FieldPatch.FieldPatch,
  expected: FieldPatch.FieldPatch
): Effect.fn.Return<void, Law.Violation> {
  yield* Law.same(`the fields of ${what}`, Object.keys(actual).toSorted(), Object.keys(expected).toSorted())
  for (const field of Object.keys(expected)) {
    const [one, other] = [actual[field]!, expected[field]!]
    const isAlike = isSame(sides, field, one.before, other.before) && isSame(sides, field, one.after, other.after)
    yield* Law.requires(isAlike, () => `${what} has ${show(one)} for ${field}, not ${show(other)}`)
  }
})

/** Records of one history agree in most fields. */
const some = <A extends object>(records: fc.Arbitrary<A>): fc.Arbitrary<Some<A>> =>
  fc
    .tuple(fc.clone(records, 3), records, records, fc.infiniteStream(fc.nat(3)), fc.boolean())
    .map(([[a, alike, again], b, c, picks, isBack]) => {
      const next = mixed(alike, b, picks)
      return { a, alike, b: next, c: mixed(isBack ? again : next, c, picks) }
    })

/** A record with a few fields of another one. */
const mixed = <A extends object>(record: A, other: A, picks: Iterator<number>): A => {
  const mix = Object.create(Object.getPrototypeOf(record) as object | null) as A
  for (const field of fieldsOf(record, other)) {
    const from = picks.next().value === 0 ? other : record
    const value = Object.getOwnPropertyDescriptor(from, field)
    if (value !== undefined) Object.defineProperty(mix, field, value)
  }
  return mix
}
