"""What arguments, input fields and enums mean: said once for each name, or for `Type.name` where one differs."""

from dataclasses import asdict

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)

from domain.flows import UNSAID
from domain.images import SAME_POINT

ENUMS: dict[str, str] = {
    "AliasScope": "Who knows an alias; the first one that does wins, in this order.",
    "AssetType": "What an asset is.",
    "BatchMode": "AUTO: pictures are generated. MANUAL: people bring them.",
    "BatchStatus": "How far a batch is: ERROR where a shot failed, PAUSED where it may not cost more.",
    "FileMatch": "Whether one shot waits for a file, several, none, or the file's name is taken.",
    "ShotStatus": "How far a shot is; WAITING for a person who brings its picture.",
    "CancelOutcome": "What became of the wish to stop a run.",
    "ChannelName": "What can be followed.",
    "CircuitState": "Whether calls to a provider pass; HALF_OPEN lets one through to see.",
    "EnhancementTemplate": "In which manner a prompt is enhanced.",
    "GenerationStatus": "How far a generation is; SUCCESS and FAILED are its ends.",
    "ImageSource": "How an image came here.",
    "LiveCache": "Whether a live URL has its image already.",
    "NodePart": "What of a node can change.",
    "ProjectStatus": "Whether a project is worked in, or put away.",
    "Role": "OWNER may do all, EDITOR all but let others in, REVIEWER look, answer and stop, VIEWER look.",
    "RunStatus": "How far a run is; SUCCEEDED, FAILED and CANCELED are its ends.",
    "StepStatus": "How far a step is; OUTCOME_UNKNOWN where a provider's answer was lost.",
    "WhenSpent": "What a live URL shows once its scope generates no more: an error, its last image, a placeholder.",
}

MEANINGS: dict[str, str] = {
    "ChannelInput.name": "What to follow.",
    "SetMemberInput.name": "What people call them, 1 to 200 characters; as it was when left out.",
    "UpdateProjectInput.status": "ACTIVE, or ARCHIVED.",
    "after": "Only what comes after this cursor.",
    "batchId": "The batch whose shots are meant.",
    "season": "As S02.",
    "episode": "As E202: it must be one of the season.",
    "sequences": "Which shots: up to 2,000, each once.",
    "sequenceId": "As SQ0010.",
    "plans": "As 0010, 0020.",
    "workflowJson": "The label of the FILE asset whose graph makes the pictures.",
    "params": "What is filled into the graph by its bindings (steps, cfg, …), and prompt, negative, prompts, fallback.",
    "StartShotBatchInput.mode": "Whether pictures are generated (AUTO) or brought (MANUAL).",
    "SetShotModeInput.mode": "Whether its picture is generated (AUTO) or brought (MANUAL).",
    "shotId": "The shot whose picture it is, whatever the file is called.",
    "fileNames": "What the files are called, up to 2,000 names.",
    "SetFlowAliasesInput.aliases": "Names, and the images that get them.",
    "allowNewGenerations": "Whether live URLs may generate images in it; true when left out.",
    "UpdateLiveScopeInput.allowNewGenerations": "Whether live URLs may generate images in it.",
    "autoEnhance": "Whether the prompt is enhanced; true when left out.",
    "alias": "A name: @ and then letters, digits, _ or -, 50 characters at most.",
    "Project.alias": "Only the image with this alias, as @hero.",
    "aspectRatio": "As 16:9: one of 1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9.",
    "callback": "Where it is told how it ended: https://…, signed with the project's `callbackSecret`.",
    "channels": "What to follow, 1 to 50 channels.",
    "chosenImageIds": "The candidates that were chosen.",
    "clientMutationId": (
        "Your own id of this change, echoed in the answer and in its events. With 16 to 255 characters it is an "
        "idempotency key for 24 h: the same key and input give the same entity, another input gives CONFLICT."
    ),
    "config": "The node's settings; `nodeKinds` has their JSON Schema. Up to 64 KiB.",
    "content": "Its value as JSON, up to 64 KiB; of a PROMPT its text.",
    "deadline": "When the run fails if it is not finished.",
    "decision": "What is decided: one of the form's decisions.",
    "endsAt": "When it ends by itself; never, when left out.",
    "enhancementOptions": "{ template }: another place to name it, in lower case.",
    "edges": "What flows between the nodes, up to 5,000.",
    "deliveryId": "The message that is to be sent once more.",
    "enabled": "Whether messages are sent; true also forgets why they were not.",
    "events": "Which events it is told: names, as run.completed, run.* for all of a kind, or * for all.",
    "expectedVersion": "Make the change only if this is still the version: else CONFLICT with `currentVersion`.",
    "expiresAt": "When it stops to open anything; never, when left out.",
    "failedOnly": "Only what failed and what hangs on it; false repeats all, using nothing that was made before.",
    "first": "How many, 1 to 100.",
    "CreateGenerationInput.flowId": "The flow it belongs to; a new one when left out, none with null.",
    "UpdateGenerationInput.flowId": "The flow it moves to; out of any with null.",
    "flowAlias": "The name its image gets in its flow, as @hero.",
    "Project.flowId": "Only what belongs to this flow.",
    "flowId": "The flow whose names count before the project's.",
    "UploadImageInput.flowId": "The flow it belongs to, made if missing. Null: none; left out: one of its own.",
    "CreateImageUploadInput.flowId": "The flow it will belong to. Null: none; left out: one of its own.",
    "file": "A PNG, JPEG or WebP picture of at most 5 MB, sent as a form with the header GraphQL-Require-Preflight.",
    "fileName": "What the file is called, 1 to 255 characters.",
    "fileSize": "How many bytes it has, up to 5,242,880.",
    "UpdateImageInput.focalPoint": "What must stay in sight when it is cropped; null takes it away.",
    "focalPoint": "What must stay in sight when it is cropped.",
    "format": "png, jpeg or webp; as the provider made them when left out.",
    "from": "The version to begin with.",
    "handTo": "Who is on it instead of you.",
    "id": "The id of what is meant.",
    "imageId": "The image.",
    "RegenerateLiveScopeInput.imageId": "Only this image; all of the scope when left out.",
    "includeDeleted": "Also what was deleted.",
    "input": "What to do.",
    "RetryRunInput.inputs": "Other inputs than it had; all of it is run then.",
    "inputs": "A value for each input of the workflow; unknown names are refused. Up to 64 KiB.",
    "kind": "What it does: one of `nodeKinds`.",
    "label": "What people call it, 1 to 200 characters.",
    "maxCredits": "What the run may cost; one that would cost more pauses and asks.",
    "meta": "What else is known of it, up to 64 KiB; replaces what was there.",
    "level": "How much it matters: info, warning or critical.",
    "message": "What to tell: one line of 1 to 2,000 characters.",
    "mimeType": "image/png, image/jpeg or image/webp.",
    "metadata": "What is known of it; replaces what was there. Up to 64 KiB.",
    "n": "How many pictures, 1 to 8.",
    "name": "Its name, 1 to 200 characters.",
    "newGenerationsLimit": "How many images live URLs may generate in it.",
    "nodes": "The steps, 1 to 1,000.",
    "position": "Where an editor draws it.",
    "priority": "-100 to 100, higher first within the project; 0 when left out.",
    "projectId": "The project; the key's own when left out, where that is allowed.",
    "prompt": "What to show, 1 to 4,000 characters.",
    "referenceImages": "Images it is made from, by id or alias: up to 8.",
    "rateLimitPerHour": "How many requests of /generate and /api/v1 it may make in an hour, 1 to 10,000,000.",
    "role": "What they may do there.",
    "runId": "Only this run.",
    "scope": "The scope's slug.",
    "scopes": (
        "What it may do: * or some of resource:action, as runs:start; announcements:write is not in * and has to be "
        "named. Nobody can give more than they have."
    ),
    "seconds": "For how long, 1 to 86400.",
    "seed": "0 to 2147483647: that of an earlier image makes it again, where the provider can.",
    "settings": "Settings to change, key by key; null takes one back to its default.",
    "LiveScope.slug": "Letters, digits, - and _, 100 characters at most.",
    "CreateLiveScopeInput.slug": "Its name in live URLs: letters, digits, - and _, 100 characters at most.",
    "Project.slug": "Only the one with this slug.",
    "Query.slug": "Its slug.",
    "slug": "A short name: 1 to 63 lower-case letters, digits and hyphens.",
    "source": "Where it comes from: for images how they were made, for edges `node.port`.",
    "startsAt": "From when on it is told; at once, when left out.",
    "state": "What somebody looks at: a JSON object of at most 2 KiB; null leaves.",
    "status": "Only those with this status.",
    "subject": "Who it is: the `sub` of their tokens, 1 to 255 characters.",
    "stepId": "The step that waits.",
    "style": "The template to enhance the prompt with; as it is when left out.",
    "target": "Where it goes: `node.port`; a port not named is the node's first.",
    "template": "In which manner the prompt is enhanced; GENERAL when left out.",
    "to": "The version to compare it with.",
    "token": "The token of the form that is open.",
    "type": "What it is.",
    "uploadId": "The upload, as createImageUpload called it.",
    "url": "Where messages are sent: https://…, at a public address unless the server's settings allow others.",
    "values": "The values filled in, as the form's schema wants them.",
    "version": "Which version of the workflow.",
    "whenSpent": "What live URLs show once it generates no more; REFUSE when left out.",
    "workflowId": "The workflow.",
    "workflowVersion": "A version of it; the newest when left out.",
    "x": "From the left.",
    "y": "From the top.",
}

_UNSAID = (UNSAID, asdict(SAME_POINT))


def describe(schema: GraphQLSchema) -> None:
    """Give every argument, input field and enum its meaning."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLEnumType):
            type_.description = type_.description or ENUMS.get(type_.name)
        elif isinstance(type_, GraphQLInputObjectType):
            for name, field in type_.fields.items():
                _describe(type_.name, name, field)
                if field.default_value in _UNSAID:  # which is said by leaving it out
                    field.default_value = Undefined
        elif isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for output in type_.fields.values():
                for name, argument in output.args.items():
                    _describe(type_.name, name, argument)


def leave_unsaid(schema: GraphQLSchema) -> None:
    """A flow that is not named is no text, and a focal point that is no number: nothing is their default."""
    for type_ in schema.type_map.values():
        for field in type_.fields.values() if isinstance(type_, GraphQLInputObjectType) else ():
            if field.default_value in _UNSAID:
                field.default_value = Undefined


def _describe(owner: str, name: str, what: GraphQLArgument | GraphQLInputField) -> None:
    what.description = what.description or MEANINGS.get(f"{owner}.{name}") or MEANINGS.get(name)
