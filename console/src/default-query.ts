/** What a newcomer finds in the editor: one query to run, and the way on from there. */
export const DEFAULT_QUERY = `# Who am I, and what can I work on?
query Welcome {
  viewer {
    subject
    organization { slug }
  }
  projects {
    nodes { id slug name }
  }
}

# A project's workflows { nodes { id name } } can be run.
# In a new tab, with workflowId among the Variables below:
#
#   mutation Start($workflowId: ID!) {
#     startRun(input: { workflowId: $workflowId, inputs: { prompt: "A fox in the snow" } }) {
#       run { id status }
#     }
#   }
#
# Then watch it happen:
#
#   subscription Watch($runId: ID!) {
#     runUpdated(id: $runId) {
#       status
#       progress
#       steps { nodeId status progress }
#     }
#   }
`;
