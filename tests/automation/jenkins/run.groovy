// Run a Jenkinsfile: its `sh` steps are really executed. Argument: a JSON file that says what Jenkins would know.
import com.lesfurets.jenkins.unit.PipelineTestHelper
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.apache.commons.io.FileUtils

Map build = new JsonSlurper().parse(new File(args[0])) as Map
File workspace = new File(build.variables.WORKSPACE)
PipelineTestHelper helper = new PipelineTestHelper(
    [workspace.path] as String[], '', Script, [:], getClass().classLoader, workspace.path)
helper.init()
Declarative jenkins = new Declarative(helper, build)
List<String> asked = []

helper.registerAllowedMethod('pipeline', [Closure]) { Closure body -> jenkins.pipeline(body) }
helper.registerAllowedMethod('sh', [String]) { String script ->
    ProcessBuilder process = new ProcessBuilder('sh', '-xe', '-c', script).directory(workspace).inheritIO()
    process.environment().clear()
    process.environment().putAll(jenkins.variables)
    System.out.flush()
    int code = process.start().waitFor()
    if (code) { throw new IOException("`${script}` ended with ${code}") }
}
helper.registerAllowedMethod('input', [Map]) { Map question ->
    asked << "${question.message} (${question.submitter})".toString()
    if (!build.approved) { jenkins.decline() }
}
// Jenkins gives the first choice, and the default value, where nobody chose.
helper.registerAllowedMethod('choice', [Map]) { Map given -> build.params.putIfAbsent(given.name, given.choices[0]) }
helper.registerAllowedMethod('string', [Map]) { Map given ->
    build.params.putIfAbsent(given.name, given.defaultValue ?: '')
}
helper.registerAllowedMethod('cleanWs', []) { FileUtils.cleanDirectory(workspace) }
// What plugins do with the build's outputs, and what is a matter of the queue: known, and nothing more.
helper.registerAllowedMethod('label', [String]) { }
helper.registerAllowedMethod('disableConcurrentBuilds', []) { }
helper.registerAllowedMethod('timeout', [Map]) { }
helper.registerAllowedMethod('parameterizedCron', [String]) { }
helper.registerAllowedMethod('junit', [Map]) { }
helper.registerAllowedMethod('archiveArtifacts', [Map]) { }
helper.registerAllowedMethod('publishHTML', [Map]) { }

Binding binding = new Binding(params: build.params, env: build.variables)
helper.runScript('Jenkinsfile', binding)
new File(args[0] + '.ended').text = JsonOutput.toJson([result: jenkins.result, stages: jenkins.ran, asked: asked])
