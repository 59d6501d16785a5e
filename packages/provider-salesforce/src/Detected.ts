/**
 * Detections against the org they are for: everything that is wrong with any of
 * them is found, and said by path, before a record is read.
 *
 * An Id of 15 characters in a filter stands for the one of 18 that records have.
 *
 * @since 0.1.0
 */
import type * as Catalogue from "@tidemark/core/model/Catalogue"
import * as Detection from "@tidemark/core/model/Detection"
import type * as Filter from "@tidemark/core/model/Filter"
import type * as Problem from "@tidemark/core/model/Problem"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Detecting from "@tidemark/core/rules/Detecting"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Canonical from "./Canonical.ts"
import * as Describe from "./Describe.ts"
import * as DetectedCatalogue from "./DetectedCatalogue.ts"
import * as DetectedFilter from "./DetectedFilter.ts"
import * as DetectedRecord from "./DetectedRecord.ts"
import type * as SalesforceClient from "./SalesforceClient.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What Salesforce is called in a detection. @category constants @since 0.1.0 */
export const provider = "salesforce"

/** A detection that fits its object. @category models @since 0.1.0 */
export interface Detected {
  readonly compiled: Detecting.Compiled
  /** As it was when the detection was compiled. */
  readonly describe: Describe.Describe
}

/** By name. @category models @since 0.1.0 */
export type Detections<K extends string = string> = Readonly<Record<K, Detection.Detection>>

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Describes the objects of all detections, each once, and compiles them. Fails
 * with every problem there is, `detections.NAME` before its path, or with what the
 * client fails with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compile = Effect.fnUntraced(function* <K extends string>(
  client: SalesforceClient.SalesforceClient["Service"],
  detections: Detections<K>
): Effect.fn.Return<Readonly<Record<K, Detected>>, Detection.DetectionError | ChangeSource.SourceError> {
  const { value: all } = yield* client.describeGlobal
  const named = new Set(Object.values<Detection.Detection>(detections).map(({ object }) => object))
  const describes = new Map<string, Describe.Describe>()
  for (const { name } of all.sobjects) if (named.has(name)) describes.set(name, (yield* client.describe(name)).value)
  const names = all.sobjects.filter(({ queryable }) => queryable).map(({ name }) => name)
  return yield* Effect.fromResult(compileWith(names, describes, detections))
})

/**
 * The same, of an org that was described already.
 *
 * @param names of the objects there are, for what may have been meant
 * @category constructors
 * @since 0.1.0
 */
export const compileWith = <K extends string>(
  names: ReadonlyArray<string>,
  describes: ReadonlyMap<string, Describe.Describe>,
  detections: Detections<K>
): Result.Result<Readonly<Record<K, Detected>>, Detection.DetectionError> => {
  const { catalogue, origins } = catalogueOf(names, describes)
  const whole = Object.fromEntries(
    Object.entries<Detection.Detection>(detections).map(([name, one]) => [name, withIds(one, describes)])
  ) as Detections<K>
  const providers: Readonly<Record<string, Catalogue.Catalogue>> = { [provider]: catalogue }
  const result = Detecting.compileAll(providers, whole, {
    canPush: (predicate, field, isDenied) => {
      const origin = origins.get(field)
      return origin !== undefined && DetectedFilter.canPush(predicate, origin, isDenied)
    }
  })
  const own = Object.entries<Detection.Detection>(detections).flatMap(([name, one]) =>
    problemsOf(one, describes.get(one.object), ["detections", name])
  )
  if (Result.isFailure(result)) return Result.fail(Detection.error(merge(own, result.failure.problems)))
  if (own.length > 0) return Result.fail(Detection.error(own))
  const pairs = Object.entries<Detecting.Compiled>(result.success).map(([name, compiled]) => [
    name,
    { compiled, describe: describes.get(compiled.detection.object) }
  ])
  return Result.succeed(Object.fromEntries(pairs) as Readonly<Record<K, Detected>>)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// Objects that no detection names are there by name only: somebody may have meant them.
const catalogueOf = (names: ReadonlyArray<string>, describes: ReadonlyMap<string, Describe.Describe>) => {
  const origins = new Map<Catalogue.Field, Describe.Field>()
  const objects = names.map((name): Catalogue.Description => {
    const describe = describes.get(name)
    if (describe === undefined) return { name, fields: [], cursors: [] }
    const description = DetectedCatalogue.make(describe)
    for (const field of description.fields) origins.set(field, Describe.field(describe, field.name)!)
    return description
  })
  return { catalogue: { objects }, origins }
}

const withIds = (
  detection: Detection.Detection,
  describes: ReadonlyMap<string, Describe.Describe>
): Detection.Detection => {
  const describe = describes.get(detection.object)
  // One made in code may go round in circles; what is wrong with it is said when it is compiled.
  if (describe === undefined || Result.isFailure(Detection.validate(detection))) return detection
  const names = new Set(describe.fields.filter(DetectedCatalogue.isId).map(({ name }) => name))
  return { ...detection, filters: detection.filters.map((filter) => ofIds(filter, names)) }
}

const ofIds = (filter: Filter.Filter, names: ReadonlySet<string>): Filter.Filter => {
  switch (filter.operator) {
    case "and":
    case "or":
      return { ...filter, terms: filter.terms.map((term) => ofIds(term, names)) }
    case "not":
      return { ...filter, term: ofIds(filter.term, names) }
    case "eq":
    case "ne":
      return names.has(filter.field) && filter.value !== null ? { ...filter, value: longId(filter.value) } : filter
    case "in":
    case "notIn":
      return names.has(filter.field) ? { ...filter, values: filter.values.map(longId) } : filter
    default:
      return filter
  }
}

const longId = (literal: Filter.Literal): Filter.Literal =>
  typeof literal === "string" && literal.length === 15 ? (Canonical.id(literal) ?? literal) : literal

const problemsOf = (
  { mapping, unknownFields }: Detection.Detection,
  describe: Describe.Describe | undefined,
  base: Problem.Path
): ReadonlyArray<Problem.Problem> => {
  const { leftOut } = Canonical.partition(describe?.fields ?? [])
  const notes = new Map(leftOut.map(({ field, note }) => [field, note]))
  return Object.entries(mapping).flatMap(([name, rule]): ReadonlyArray<Problem.Problem> => {
    const note = "path" in rule ? notes.get(rule.path) : undefined
    const path = [...base, "mapping", name]
    if (note !== undefined && "path" in rule)
      return [{ path: [...path, "path"], message: `${rule.path} cannot be part of a record: ${note}` }]
    return unknownFields === "Keep" && name === DetectedRecord.extras
      ? [{ path, message: `is the name of what holds unknown fields, which are kept; take another one` }]
      : []
  })
}

// The better message of two about one place.
const merge = (
  own: ReadonlyArray<Problem.Problem>,
  others: ReadonlyArray<Problem.Problem>
): ReadonlyArray<Problem.Problem> => {
  const better = new Map(own.map((problem) => [JSON.stringify(problem.path), problem]))
  const taken = others.map((problem) => {
    const key = JSON.stringify(problem.path)
    const found = better.get(key)
    better.delete(key)
    return found ?? problem
  })
  return [...taken, ...better.values()]
}
