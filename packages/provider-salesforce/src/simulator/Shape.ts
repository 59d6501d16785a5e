/**
 * How the org is customised while it is in use: objects and fields come and go,
 * fields are hidden from the user and shown again, formulas come to other values.
 *
 * None of it touches a record: no stamp moves, no replication feed tells it. A
 * field that comes is empty everywhere, one that goes takes its values along, and
 * an object takes its records.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Catalog from "./Catalog.ts"
import * as Field from "./Field.ts"
import * as Org from "./Org.ts"
import * as RecordId from "./RecordId.ts"
import * as Refusal from "./Refusal.ts"
import * as Store from "./Store.ts"
import * as Values from "./Values.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// schemas
// -----------------------------------------------------------------------------

/** Fields of an object, and records of a new one, at most. @category constants @since 0.1.0 */
export const fieldsMax = 1000
/** @category constants @since 0.1.0 */
export const recordsMax = 10_000
/** Objects that users made, at most. @category constants @since 0.1.0 */
export const objectsMax = 200

const Flag = Schema.optionalKey(Schema.Boolean)
const Name = Schema.String.check(Schema.isPattern(/^[A-Za-z][A-Za-z0-9_]{0,79}$/))
const Size = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 131_072 })))

/** A field that users make. Its name ends in `__c`. @category schemas @since 0.1.0 */
export const FieldSpec = Schema.Struct({
  name: Name,
  type: Schema.Literals(Field.customTypes),
  label: Schema.optionalKey(Schema.String),
  length: Size,
  precision: Size,
  scale: Size,
  unique: Flag,
  externalId: Flag,
  /** A formula: clients cannot write it, and `calculate` does. */
  calculated: Flag,
  /** The object that a reference points at. */
  referenceTo: Schema.optionalKey(Name),
  /** Of a picklist. */
  values: Schema.optionalKey(Schema.Array(Schema.String).check(Schema.isMaxLength(fieldsMax)))
})
/** @category models @since 0.1.0 */
export type FieldSpec = typeof FieldSpec.Type

/** One customisation. @category schemas @since 0.1.0 */
export const Change = Schema.Union([
  Schema.Struct({
    op: Schema.Literal("addObject"),
    /** Ends in `__c`. */
    name: Name,
    label: Schema.optionalKey(Schema.String),
    fields: Schema.optionalKey(Schema.Array(FieldSpec).check(Schema.isMaxLength(fieldsMax))),
    /** How many are made up at once. Defaults to 0. */
    records: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: recordsMax }))),
    /** Has a `SystemModstamp`. These flags default to `true`. */
    stamped: Flag,
    queryable: Flag,
    replicateable: Flag,
    /** Has a recycle bin. */
    undeletable: Flag,
    /** Clients may write its records. */
    createable: Flag
  }),
  Schema.Struct({ op: Schema.Literal("removeObject"), name: Name }),
  Schema.Struct({ op: Schema.Literal("addField"), entity: Name, field: FieldSpec }),
  Schema.Struct({ op: Schema.Literals(["removeField", "hideField", "showField"]), entity: Name, name: Name }),
  /** Formulas of a record come to other values. */
  Schema.Struct({
    op: Schema.Literal("calculate"),
    entity: Name,
    id: Schema.String,
    values: Schema.Record(Schema.String, Schema.NullOr(Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])))
  })
])
/** @category models @since 0.1.0 */
export type Change = typeof Change.Type

// -----------------------------------------------------------------------------
// changing
// -----------------------------------------------------------------------------

/**
 * Refuses, and changes nothing, when a name is taken or not there, or the field is
 * one that nobody can remove or hide. Gives the records made.
 *
 * @category changing
 * @since 0.1.0
 */
export const apply = (org: Org.Org, change: Change): Result.Result<ReadonlyArray<World.Applied>, Refusal.Refusal> => {
  if (change.op === "addObject") return addObject(org, change)
  const name = change.op === "removeObject" ? change.name : change.entity
  const store = World.storeOf(org.world, name)
  if (store === undefined || Catalog.isFixed(store.entity)) return missing(name)
  if (change.op === "removeObject") {
    if (!Catalog.isCustom(store.entity.name)) return refuse(name, "is not a custom object")
    org.world.stores.delete(store.entity.name)
    forget(org.world, store)
    return Result.succeed([])
  }
  if (change.op === "addField") {
    const { field } = change
    if (!Catalog.isCustom(field.name)) return refuse(field.name, "does not end in __c")
    if (Catalog.field(store.entity, field.name) !== undefined) return taken(field.name)
    if (store.entity.fields.length >= fieldsMax) return refuse(name, `has ${fieldsMax} fields already`)
    reshape(org.world, store, [...store.entity.fields, Field.custom(field)])
    return Result.succeed([])
  }
  if (change.op === "calculate") return calculate(org.world, store, change)
  const field = Catalog.field(store.entity, change.name)
  if (field === undefined) return missing(`${name}.${change.name}`)
  if (change.op === "removeField") {
    if (!field.custom) return refuse(field.name, "is not a custom field")
    store.hidden.delete(field.name)
    reshape(
      org.world,
      store,
      store.entity.fields.filter((each) => each !== field)
    )
    return Result.succeed([])
  }
  if (!field.permissionable) return refuse(field.name, "is seen by everybody")
  if (change.op === "hideField") store.hidden.add(field.name)
  else store.hidden.delete(field.name)
  Store.show(store)
  return Result.succeed([])
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const refuse = (name: string, problem: string) => Refusal.fail(400, "INVALID_REQUEST", `${name} ${problem}.`)

const missing = (name: string) => Refusal.fail(404, "NOT_FOUND", `There is no ${name}.`)

const taken = (name: string) => Refusal.fail(400, "DUPLICATE_DEVELOPER_NAME", `There is a ${name} already.`)

type Addition = Extract<Change, { readonly op: "addObject" }>

const addObject = (org: Org.Org, change: Addition): Result.Result<ReadonlyArray<World.Applied>, Refusal.Refusal> =>
  Result.gen(function* () {
    const { name, fields = [], records = 0 } = change
    const { world } = org
    if (!Catalog.isCustom(name)) return yield* refuse(name, "does not end in __c")
    const lower = name.toLowerCase()
    for (const known of world.stores.keys()) if (known.toLowerCase() === lower) return yield* taken(name)
    if (world.objectCount >= objectsMax) return yield* refuse(name, `is one more than ${objectsMax} objects`)
    const names = new Set<string>()
    for (const field of fields) {
      if (!Catalog.isCustom(field.name)) return yield* refuse(field.name, "does not end in __c")
      if (names.has(field.name.toLowerCase())) return yield* taken(field.name)
      names.add(field.name.toLowerCase())
    }
    const count = world.objectCount++
    world.stores.set(name, Store.make(entityOf(change, count), world.options.seed))
    const made: Array<World.Applied> = []
    for (let record = 0; record < records; record++) made.push(yield* Org.mutate(org, { op: "create", entity: name }))
    return made
  })

const entityOf = (change: Addition, count: number): Catalog.Entity => {
  const { name, fields = [], label = Field.labelOf(name), stamped = true } = change
  return {
    name,
    label,
    labelPlural: `${label}s`,
    keyPrefix: `a${String(count).padStart(2, "0").slice(-2)}`,
    isReplicated: change.replicateable !== false,
    isWritable: change.createable !== false,
    isQueryable: change.queryable !== false,
    hasBin: change.undeletable !== false,
    fields: [
      ...Catalog.start,
      Field.make("Name", "string", { length: 80, nameField: true, nillable: false }),
      ...fields.map(Field.custom),
      ...Catalog.end.filter((field) => stamped || field.name !== "SystemModstamp")
    ]
  }
}

const forget = (world: World.World, store: Store.Store): void => {
  const rest = world.open.filter((each) => each.store !== store)
  world.open.splice(0, world.open.length, ...rest)
  for (const [holder, owner] of world.bin) if (owner === store) world.bin.delete(holder)
}

const calculate = (
  world: World.World,
  store: Store.Store,
  { entity, id, values }: Extract<Change, { readonly op: "calculate" }>
): Result.Result<ReadonlyArray<World.Applied>, Refusal.Refusal> => {
  const holder = store.holders.get(RecordId.parse(id) ?? "")
  if (holder === undefined) return missing(`${entity} ${id}`)
  for (const name of Object.keys(values)) {
    const field = Catalog.field(store.entity, name)
    if (field?.calculated !== true || field.name !== name) return refuse(name, "is not a formula")
  }
  renew(world, store, [holder], (before) => ({ ...before, ...values }))
  return Result.succeed([])
}

const reshape = (world: World.World, store: Store.Store, fields: ReadonlyArray<Field.Field>): void => {
  store.entity = { ...store.entity, fields }
  Store.show(store)
  renew(world, store, store.list, (values) => Values.fitted(store.entity, values))
}

// What was one version stays one: those that are open are found by it.
const renew = (
  world: World.World,
  store: Store.Store,
  holders: ReadonlyArray<Store.Holder>,
  change: (values: Field.Values) => Field.Values
): void => {
  const renewed = new Map<Store.Version, Store.Version>()
  const renew = (version: Store.Version): Store.Version => {
    const known = renewed.get(version)
    if (known !== undefined) return known
    const made = { ...version, values: change(version.values) }
    renewed.set(version, made)
    return made
  }
  for (const holder of holders) {
    holder.latest = renew(holder.latest)
    if (holder.visible !== undefined) holder.visible = renew(holder.visible)
  }
  const among = new Set(holders)
  const open = world.open.map((each) => (among.has(each.holder) ? { ...each, version: renew(each.version) } : each))
  world.open.splice(0, world.open.length, ...open)
  store.orders.clear()
}
