/**
 * From a detection and what its provider has to offer, to what is done with each
 * record.
 *
 * Everything that can be wrong with a detection is found before a record is read:
 * names that do not exist, literals that do not fit their fields, transforms that
 * could never work.
 *
 * **Laws**
 *
 * - a mapped record has the names of its mapping and no others; a field that is
 *   absent stays absent, unless it has a default;
 * - a record is read only, and inherits nothing here: no name of it is special;
 * - a record is decided, whatever it holds.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Calendar from "../model/Calendar.ts"
import type * as Catalogue from "../model/Catalogue.ts"
import * as Detection from "../model/Detection.ts"
import * as FieldPatch from "../model/FieldPatch.ts"
import * as Filter from "../model/Filter.ts"
import * as Name from "../model/Name.ts"
import * as Problem from "../model/Problem.ts"
import * as Write from "../model/Write.ts"
import * as Conformance from "./Conformance.ts"
import * as Matching from "./Matching.ts"
import * as Pushdown from "./Pushdown.ts"
import * as Transforming from "./Transforming.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A record as it is called here. Neither part inherits anything. @category models @since 0.1.0 */
export interface Mapped {
  readonly fields: Readonly<Record<string, Transforming.Value>>
  /** Fields the provider did not have when it was asked, as they came; empty unless they are kept. */
  readonly extras: Readonly<Record<string, unknown>>
}

/**
 * What is done with a record.
 *
 * - `Admit`: it is wanted. Without a position where its cursor field has no value.
 * - `Leave`: the filters do not match. Where it is here, it is deleted or kept.
 * - `Pass`: it has no value to be positioned by, and such records are not wanted.
 * - `Raise`: it has none, and the run stops.
 * - `Refuse`: it is wanted, and cannot be mapped.
 *
 * @category models
 * @since 0.1.0
 */
export type Decision =
  | { readonly _tag: "Admit"; readonly mapped: Mapped; readonly hasPosition: boolean }
  | { readonly _tag: "Leave"; readonly leaves: Detection.Leaves }
  | { readonly _tag: "Pass" }
  | { readonly _tag: "Raise"; readonly message: string }
  | { readonly _tag: "Refuse"; readonly rejection: Write.Rejection }

/** A predicate that is evaluated here, and why. @category models @since 0.1.0 */
export interface Staying {
  readonly predicate: Pushdown.Positive
  readonly reason: string
}

/** @category models @since 0.1.0 */
export interface Compiled<P extends string = string> {
  readonly detection: Detection.Detection<P>
  /** The field by which changes are read. */
  readonly cursor: string
  /** All fields that are needed of a record, sorted. */
  readonly select: ReadonlyArray<string>
  /**
   * For the provider. It only saves reading: `decide` evaluates the filters as a
   * whole, since a record may come by a way that has no filter.
   */
  readonly pushed: Pushdown.Normal
  /** What the provider is not asked. */
  readonly rest: Pushdown.Normal
  /** Why the rest is not empty. */
  readonly staying: ReadonlyArray<Staying>
  readonly map: (record: Matching.Row) => Result.Result<Mapped, Write.Rejection>
  readonly decide: (record: Matching.Row) => Decision
}

/** @category models @since 0.1.0 */
export interface Options {
  /** Where the detection stands in its file, for the paths of problems. */
  readonly base?: Problem.Path
  /**
   * Whether the provider gives a predicate, or its denial, exactly the meaning that
   * `Filter` states. Asked only about those that `Pushdown.staysHere` leaves open.
   */
  readonly canPush?: (predicate: Pushdown.Positive, field: Catalogue.Field, isDenied: boolean) => boolean
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const compile = <P extends string>(
  detection: Detection.Detection<P>,
  description: Catalogue.Description,
  options: Options = {}
): Result.Result<Compiled<P>, Detection.DetectionError> =>
  Result.mapError(make(detection, description, options), Detection.error)

/**
 * Compiles detections by name, each against the catalogue of its provider. Those
 * of one detection per provider may be named after it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compileAll = <P extends string, K extends string>(
  providers: Readonly<Record<P, Catalogue.Catalogue>>,
  detections: Readonly<Record<K, Detection.Detection<NoInfer<P>>>>,
  options: Pick<Options, "canPush"> = {}
): Result.Result<Readonly<Record<K, Compiled<P>>>, Detection.DetectionError> =>
  gather(detections, (detection: Detection.Detection<P>, base) => find(providers, detection, { ...options, base }))

/**
 * Reads and compiles a file of detections. A detection that can be read is
 * compiled even where others cannot, so that all problems are said at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = (
  providers: Readonly<Record<string, Catalogue.Catalogue>>,
  input: unknown,
  options: Pick<Options, "canPush"> = {}
): Result.Result<Readonly<Record<string, Compiled>>, Detection.DetectionError> => {
  const outline = Problem.decode(Detection.Outline, input)
  if (Result.isFailure(outline)) return Result.fail(Detection.error(outline.failure))
  return gather(outline.success.detections, (one, base) =>
    Result.flatMap(Problem.decode(Detection.Detection, one, base), (detection) =>
      find(providers, detection, { ...options, base })
    )
  )
}

/**
 * From when on the first run reads, in ms of source time; `undefined` when it
 * reads everything.
 *
 * @param now source time at which the run begins
 * @category getters
 * @since 0.1.0
 */
export const startOf = (detection: Detection.Detection, now: number): number | undefined => {
  const { first } = detection.window
  if (first === "Everything") return undefined
  return "since" in first ? Calendar.toMillis(first.since) : now - Duration.toMillis(first.within)
}

// -----------------------------------------------------------------------------
// internal: compiling
// -----------------------------------------------------------------------------

type Read<A> = Result.Result<A, ReadonlyArray<Problem.Problem>>

const gather = <K extends string, D, A>(
  detections: Readonly<Record<K, D>>,
  each: (detection: D, base: Problem.Path) => Read<A>
): Result.Result<Readonly<Record<K, A>>, Detection.DetectionError> => {
  const compiled = FieldPatch.byField<A>() as Record<K, A> // has all names where there is no problem
  const problems: Array<Problem.Problem> = []
  for (const name of Object.keys(detections)) {
    const one = each(detections[name as K], ["detections", name])
    if (Result.isSuccess(one)) compiled[name as K] = one.success
    else problems.push(...one.failure)
  }
  return problems.length === 0 ? Result.succeed(compiled) : Result.fail(Detection.error(problems))
}

const find = <P extends string>(
  providers: Readonly<Record<string, Catalogue.Catalogue>>,
  detection: Detection.Detection<P>,
  options: Options
): Read<Compiled<P>> => {
  const { base = [] } = options
  const { object, provider } = detection
  if (!Object.hasOwn(providers, provider))
    return Result.fail([Conformance.unknown([...base, "provider"], provider, Object.keys(providers), "a provider")])
  const { objects } = providers[provider]!
  const description = objects.find(({ name }) => name === object)
  return description === undefined
    ? Result.fail([
        Conformance.unknown(
          [...base, "object"],
          object,
          objects.map(({ name }) => name),
          `an object of ${provider}`
        )
      ])
    : make(detection, description, options)
}

const make = <P extends string>(
  detection: Detection.Detection<P>,
  description: Catalogue.Description,
  options: Options
): Read<Compiled<P>> => {
  const { base = [] } = options
  const valid = Detection.validate(detection, base)
  if (Result.isFailure(valid)) return Result.fail(valid.failure)
  const fields = new Map(description.fields.map((field) => [field.name, field]))
  const problems = Conformance.problems(detection, description, base)
  const cursor = Conformance.cursorOf(detection, description)
  if (problems.length > 0 || cursor === undefined) return Result.fail(problems)
  const filter = Filter.and(...detection.filters.map((one) => Conformance.resolve(one, fields)))
  const { pushed, rest, staying } = divide(detection, filter, fields, options)
  const map = mapper(detection, new Set(description.fields.flatMap(({ name }) => [name, name.split(".", 1)[0]!])))
  const select = new Set([cursor, ...Pushdown.predicates(Pushdown.normal(filter)).map(({ field }) => field)])
  for (const rule of Object.values(detection.mapping)) if ("path" in rule) select.add(rule.path)
  return Result.succeed({
    detection,
    cursor,
    select: [...select].toSorted(),
    pushed,
    rest,
    staying,
    map,
    decide: decider(detection, cursor, filter, map)
  })
}

// A record that stopped matching is seen only where the provider is not asked to leave it out.
const everyLeaver = "records that no longer match are deleted here, so the provider must not leave them out"

const divide = (
  detection: Detection.Detection,
  filter: Filter.Filter,
  fields: ReadonlyMap<string, Catalogue.Field>,
  { canPush = () => true }: Options
): Pick<Compiled, "pushed" | "rest" | "staying"> => {
  const reasonOf = (predicate: Pushdown.Positive, isDenied: boolean): string | undefined => {
    if (detection.leaves === "Delete") return everyLeaver
    const field = fields.get(predicate.field)
    if (field === undefined || !field.filterable) return "the provider cannot compare by this field"
    const reason = Pushdown.staysHere(predicate, field, isDenied)
    return reason ?? (canPush(predicate, field, isDenied) ? undefined : "the provider has no such comparison")
  }
  const split = Pushdown.split(filter, (predicate, isDenied) => reasonOf(predicate, isDenied) === undefined)
  const { pushed, rest } =
    detection.leaves === "Delete" ? { pushed: Filter.everything, rest: Pushdown.normal(filter) } : split
  return {
    pushed,
    rest,
    staying: Pushdown.uses(rest).flatMap(({ isDenied, predicate }) => {
      const reason = reasonOf(predicate, isDenied)
      return reason === undefined ? [] : [{ predicate, reason }]
    })
  }
}

// -----------------------------------------------------------------------------
// internal: records
// -----------------------------------------------------------------------------

const decider = (
  detection: Detection.Detection,
  cursor: string,
  filter: Filter.Filter,
  map: Compiled["map"]
): Compiled["decide"] => {
  const { leaves, missingCursor } = detection
  return (record) => {
    if (!Matching.matches(filter, record)) return { _tag: "Leave", leaves }
    const hasPosition = !Matching.isNothing(Name.follow(record, cursor))
    if (!hasPosition && missingCursor === "Exclude") return { _tag: "Pass" }
    if (!hasPosition && missingCursor === "Raise")
      return { _tag: "Raise", message: `a record of ${detection.object} has no value of its cursor field ${cursor}` }
    return Result.match(map(record), {
      onFailure: (rejection) => ({ _tag: "Refuse", rejection }),
      onSuccess: (mapped) => ({ _tag: "Admit", mapped, hasPosition })
    })
  }
}

/** The most faults that one rejection names. */
const faultsMax = 5

const reject = (code: string, faults: ReadonlyArray<string>) => {
  const more = faults.length - faultsMax
  const message = faults.slice(0, faultsMax).join("; ") + (more > 0 ? `; and ${more} more` : "")
  return Result.fail(new Write.Rejection({ code, message }))
}

const mapper = (detection: Detection.Detection, known: ReadonlySet<string>): Compiled["map"] => {
  const rules = Object.entries(detection.mapping)
  return (record) => {
    const faults: Array<string> = []
    const fields = FieldPatch.byField<Transforming.Value>()
    for (const [name, rule] of rules) {
      const value = valueOf(rule, record)
      if (Result.isFailure(value)) faults.push(`${name}: ${value.failure}`)
      else if (value.success !== undefined) fields[name] = value.success
    }
    if (faults.length > 0) return reject("Unmapped", faults)
    const extras = FieldPatch.byField<unknown>()
    if (detection.unknownFields === "Ignore") return Result.succeed({ fields, extras })
    const unknown = Object.keys(record).filter((name) => !known.has(name) && record[name] !== undefined)
    if (unknown.length > 0 && detection.unknownFields === "Quarantine")
      return reject(
        "UnknownField",
        unknown.map((name) => `${Problem.quote(name)} is a field that is not known`)
      )
    for (const name of unknown) extras[name] = record[name]
    return Result.succeed({ fields, extras })
  }
}

// `undefined` for a field that is absent, and may be.
const valueOf = (rule: Detection.Rule, record: Matching.Row): Result.Result<Transforming.Value | undefined, string> => {
  if ("constant" in rule) return Result.succeed(rule.constant)
  const found = Name.follow(record, rule.path)
  if (found === undefined && rule.default !== undefined) return Result.succeed(rule.default)
  const value = found === undefined ? Result.succeed(undefined) : Transforming.apply(rule.transforms, found)
  if (Result.isFailure(value)) return Result.fail(`${rule.path} ${value.failure}`)
  return rule.presence === "Required" && (value.success === undefined || value.success === null)
    ? Result.fail(`${rule.path} is required, and has no value`)
    : value
}
