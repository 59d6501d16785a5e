/**
 * The objects of the org, and what describes say of them (REST API guide,
 * "sObject Describe", "Describe Global").
 *
 * Account, Contact and Opportunity hold records. Organization has one, which
 * tells clients whose data they read; it is not replicated.
 *
 * @since 0.1.0
 */
import * as Field from "./Field.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Entity {
  readonly name: string
  readonly label: string
  readonly labelPlural: string
  /** First three characters of Ids. */
  readonly keyPrefix: string
  /** Has the replication feeds, the recycle bin, and can be written. */
  readonly isReplicated: boolean
  readonly fields: ReadonlyArray<Field.Field>
}

// -----------------------------------------------------------------------------
// objects
// -----------------------------------------------------------------------------

const address = (name: string): ReadonlyArray<Field.Field> => [
  Field.make(`${name}Street`, "textarea", { compoundFieldName: `${name}Address`, sortable: true }),
  Field.make(`${name}City`, "string", { compoundFieldName: `${name}Address`, length: 40 }),
  Field.make(`${name}State`, "string", { compoundFieldName: `${name}Address`, length: 80 }),
  Field.make(`${name}PostalCode`, "string", { compoundFieldName: `${name}Address`, length: 20 }),
  Field.make(`${name}Country`, "string", { compoundFieldName: `${name}Address`, length: 80 }),
  Field.make(`${name}Address`, "address", {
    createable: false,
    updateable: false,
    filterable: false,
    sortable: false,
    queryByDistance: true
  })
]

const start: ReadonlyArray<Field.Field> = [
  Field.system("Id", "id", { idLookup: true, caseSensitive: true, label: "Record ID", aggregatable: true }),
  Field.system("IsDeleted", "boolean", { label: "Deleted" })
]

const end: ReadonlyArray<Field.Field> = [
  Field.reference("OwnerId", "User", { nillable: false, defaultedOnCreate: true, label: "Owner ID" }),
  Field.system("CreatedDate", "datetime"),
  Field.system("LastModifiedDate", "datetime"),
  Field.system("SystemModstamp", "datetime", { label: "System Modstamp" })
]

/** @category objects @since 0.1.0 */
export const account: Entity = {
  name: "Account",
  label: "Account",
  labelPlural: "Accounts",
  keyPrefix: "001",
  isReplicated: true,
  fields: [
    ...start,
    Field.make("Name", "string", { nillable: false, nameField: true, label: "Account Name" }),
    Field.picklist("Type", ["Prospect", "Customer - Direct", "Customer - Channel", "Technology Partner", "Other"]),
    Field.picklist("Industry", ["Agriculture", "Banking", "Biotechnology", "Energy", "Retail", "Technology"]),
    Field.make("Phone", "phone"),
    Field.make("Website", "url"),
    Field.make("AnnualRevenue", "currency", { scale: 0 }),
    Field.make("NumberOfEmployees", "int", { label: "Employees" }),
    ...address("Billing"),
    Field.longText("Description"),
    Field.picklist("Rating", ["Hot", "Warm", "Cold"], { restrictedPicklist: true }),
    Field.reference("ParentId", "Account", { label: "Parent Account ID" }),
    Field.make("External_Id__c", "string", {
      length: 64,
      custom: true,
      externalId: true,
      idLookup: true,
      unique: true,
      label: "External Id"
    }),
    ...end
  ]
}

/** @category objects @since 0.1.0 */
export const contact: Entity = {
  name: "Contact",
  label: "Contact",
  labelPlural: "Contacts",
  keyPrefix: "003",
  isReplicated: true,
  fields: [
    ...start,
    Field.reference("AccountId", "Account"),
    Field.make("LastName", "string", { nillable: false, length: 80, compoundFieldName: "Name" }),
    Field.make("FirstName", "string", { length: 40, compoundFieldName: "Name" }),
    Field.system("Name", "string", { nameField: true, length: 121, defaultedOnCreate: false, label: "Full Name" }),
    Field.make("Email", "email", { idLookup: true }),
    Field.make("Phone", "phone", { label: "Business Phone" }),
    Field.make("Title", "string", { length: 128 }),
    Field.make("Birthdate", "date"),
    Field.make("HasOptedOutOfEmail", "boolean", { label: "Email Opt Out" }),
    Field.picklist("LeadSource", ["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"]),
    ...address("Mailing"),
    ...end
  ]
}

/** Stages of an opportunity, with the chance to win each stands for, in percent. @category objects @since 0.1.0 */
export const stages: ReadonlyMap<string, number> = new Map([
  ["Prospecting", 10],
  ["Qualification", 10],
  ["Needs Analysis", 20],
  ["Proposal/Price Quote", 75],
  ["Negotiation/Review", 90],
  ["Closed Won", 100],
  ["Closed Lost", 0]
])

/** @category objects @since 0.1.0 */
export const opportunity: Entity = {
  name: "Opportunity",
  label: "Opportunity",
  labelPlural: "Opportunities",
  keyPrefix: "006",
  isReplicated: true,
  fields: [
    ...start,
    Field.reference("AccountId", "Account"),
    Field.make("Name", "string", { nillable: false, nameField: true, length: 120 }),
    Field.longText("Description"),
    Field.picklist("StageName", [...stages.keys()], { nillable: false, label: "Stage" }),
    Field.make("Amount", "currency"),
    Field.make("Probability", "percent", { precision: 3, defaultedOnCreate: true }),
    Field.make("ExpectedRevenue", "currency", { createable: false, updateable: false }),
    Field.make("CloseDate", "date", { nillable: false }),
    Field.picklist("Type", ["Existing Customer - Upgrade", "Existing Customer - Replacement", "New Customer"]),
    Field.system("IsClosed", "boolean", { label: "Closed" }),
    Field.system("IsWon", "boolean", { label: "Won" }),
    ...end
  ]
}

/** @category objects @since 0.1.0 */
export const organization: Entity = {
  name: "Organization",
  label: "Organization",
  labelPlural: "Organizations",
  keyPrefix: "00D",
  isReplicated: false,
  fields: [
    Field.system("Id", "id", { label: "Organization ID" }),
    Field.system("Name", "string", { nameField: true, length: 80 }),
    Field.system("InstanceName", "string", { length: 5 }),
    Field.system("IsSandbox", "boolean"),
    Field.system("OrganizationType", "string", { length: 40, label: "Edition" }),
    Field.system("CreatedDate", "datetime"),
    Field.system("LastModifiedDate", "datetime"),
    Field.system("SystemModstamp", "datetime")
  ]
}

/** @category objects @since 0.1.0 */
export const entities: ReadonlyArray<Entity> = [account, contact, opportunity, organization]

// -----------------------------------------------------------------------------
// lookups
// -----------------------------------------------------------------------------

const byName: ReadonlyMap<string, Entity> = new Map(entities.map((entity) => [entity.name.toLowerCase(), entity]))

const fieldsByName: ReadonlyMap<Entity, ReadonlyMap<string, Field.Field>> = new Map(
  entities.map((entity) => [entity, new Map(entity.fields.map((field) => [field.name.toLowerCase(), field]))])
)

const storedFields: ReadonlyMap<Entity, ReadonlyArray<Field.Field>> = new Map(
  entities.map((entity) => [entity, entity.fields.filter(({ type }) => type !== "address")])
)

/** The object of this name, whatever its case. @category lookups @since 0.1.0 */
export const entity = (name: string): Entity | undefined => byName.get(name.toLowerCase())

/** The field of this name, whatever its case. @category lookups @since 0.1.0 */
export const field = (entity: Entity, name: string): Field.Field | undefined =>
  fieldsByName.get(entity)?.get(name.toLowerCase())

/** The fields that hold a value of their own: all but compound addresses. @category lookups @since 0.1.0 */
export const stored = (entity: Entity): ReadonlyArray<Field.Field> => storedFields.get(entity) ?? []

// -----------------------------------------------------------------------------
// describes
// -----------------------------------------------------------------------------

/**
 * An object without its fields, as in the list of all objects. `base` is
 * `/services/data/v66.0`.
 *
 * @category describes
 * @since 0.1.0
 */
export const summary = (entity: Entity, base: string): { readonly [property: string]: unknown } => {
  const { isReplicated, keyPrefix, label, labelPlural, name } = entity
  const root = `${base}/sobjects/${name}`
  return {
    activateable: false,
    associateEntityType: null,
    associateParentEntity: null,
    createable: isReplicated,
    custom: false,
    customSetting: false,
    deepCloneable: false,
    deletable: isReplicated,
    deprecatedAndHidden: false,
    feedEnabled: isReplicated,
    hasSubtypes: false,
    isInterface: false,
    isSubtype: false,
    keyPrefix,
    label,
    labelPlural,
    layoutable: isReplicated,
    mergeable: isReplicated && name !== "Opportunity",
    mruEnabled: isReplicated,
    name,
    queryable: true,
    replicateable: isReplicated,
    retrieveable: true,
    searchable: isReplicated,
    triggerable: isReplicated,
    undeletable: isReplicated,
    updateable: isReplicated,
    urls: { sobject: root, describe: `${root}/describe`, rowTemplate: `${root}/{ID}` }
  }
}

/** An object with its fields. @category describes @since 0.1.0 */
export const describe = (entity: Entity, base: string): { readonly [property: string]: unknown } => ({
  actionOverrides: [],
  childRelationships: entities.flatMap((child) =>
    child.fields
      .filter((field) => field.referenceTo.includes(entity.name))
      .map((field) => ({
        cascadeDelete: false,
        childSObject: child.name,
        deprecatedAndHidden: false,
        field: field.name,
        relationshipName: child.name === entity.name ? `Child${child.labelPlural}` : child.labelPlural,
        restrictedDelete: false
      }))
  ),
  compactLayoutable: true,
  defaultImplementation: null,
  ...summary(entity, base),
  extendedBy: null,
  extendsInterfaces: null,
  fields: entity.fields,
  implementedBy: null,
  implementsInterfaces: null,
  listviewable: null,
  lookupLayoutable: null,
  namedLayoutInfos: [],
  networkScopeFieldName: null,
  recordTypeInfos: [],
  searchLayoutable: true,
  sobjectDescribeOption: "FULL",
  supportedScopes: [{ label: `All ${entity.labelPlural.toLowerCase()}`, name: "everything" }]
})
