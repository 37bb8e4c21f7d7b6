import com.lesfurets.jenkins.unit.PipelineTestHelper

/** A block of a declarative pipeline: what it says, before any of it is done. */
class Block {
    String name
    Map<String, Closure> parts = [:]
    List<Block> children = []

    static Block read(String name, Closure body) {
        Block block = new Block(name: name)
        block.fill(body)
        return block
    }

    void fill(Closure body) {
        body.delegate = this
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
    }

    void agent(Closure body) { parts.agent = body }
    void options(Closure body) { parts.options = body }
    void triggers(Closure body) { parts.triggers = body }
    void parameters(Closure body) { parts.parameters = body }
    void environment(Closure body) { parts.environment = body }
    void when(Closure body) { parts.when = body }
    void steps(Closure body) { parts.steps = body }
    void post(Closure body) { parts.post = body }
    void stages(Closure body) { fill(body) }
    void parallel(Closure body) { fill(body) }
    void stage(String title, Closure body) { children << read(title, body) }
}

/** Conditions of `when`: all of them have to hold. */
class When {
    Map build
    boolean holds = true

    static boolean ask(Map build, Closure body) {
        When asked = new When(build: build)
        body.delegate = asked
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
        return asked.holds
    }

    void branch(String name) { holds &= build.variables.BRANCH_NAME == name }
    void not(Closure body) { holds &= !ask(build, body) }
    void expression(Closure body) { holds &= body.call() as boolean }
}

/** Assignments of `environment`: read in order, each sees those before it. */
class Variables {
    private final Map<String, String> known
    private final Map<String, Object> secrets
    private final Map<String, Object> params
    final Map<String, String> added = [:]

    Variables(Map<String, String> known, Map build) {
        this.known = known
        this.secrets = build.secrets
        this.params = build.params
    }

    Object credentials(String id) {
        if (!secrets.containsKey(id)) { throw new IllegalArgumentException("no credentials ${id}") }
        return secrets[id]
    }

    @Override
    Object getProperty(String name) {
        switch (name) {
            case 'added': return added
            case 'params': return params
            default: return added[name] ?: known[name]
        }
    }

    @Override
    void setProperty(String name, Object value) {
        if (value in Map) {
            added[name] = "${value.user}:${value.password}".toString()
            added[name + '_USR'] = value.user
            added[name + '_PSW'] = value.password
        } else {
            added[name] = value.toString()
        }
    }
}

/** What `post` says. */
class Endings {
    Map<String, Closure> parts = [:]

    void always(Closure body) { parts.always = body }
    void failure(Closure body) { parts.failure = body }
    void cleanup(Closure body) { parts.cleanup = body }
}

/**
 * The blocks of a declarative pipeline, in the order of Jenkins' handbook (Pipeline Syntax). The newest
 * JenkinsPipelineUnit on Maven's index knows scripted pipelines alone: it loads the Jenkinsfile, takes every step
 * and refuses those that nobody registered; these blocks are ours. Parallel stages run one after another.
 */
class Declarative {
    /** Somebody declined what `input` asked. */
    static class Declined extends Exception { }

    final PipelineTestHelper helper
    final Map build
    final List<String> ran = []
    String result = 'SUCCESS'
    Map<String, String> variables = [:]

    Declarative(PipelineTestHelper helper, Map build) {
        this.helper = helper
        this.build = build
        variables.putAll(build.variables)
    }

    void decline() { throw new Declined() }

    void pipeline(Closure body) {
        Block all = Block.read('pipeline', body)
        all.parts.parameters?.call()
        variables.putAll(build.params)
        ['agent', 'options', 'triggers'].each { part -> all.parts[part]?.call() }
        try {
            within(all)
        } catch (Declined declined) {
            result = 'ABORTED'
        } catch (any) {
            result = 'FAILURE'
            println "build: ${any.message}"
        }
    }

    private void within(Block block) {
        if (block.parts.when && !When.ask(build, block.parts.when)) {
            println "stage ${block.name}: skipped"
            return
        }
        Map<String, String> outer = variables
        variables = outer + added(block)
        boolean failed = true
        try {
            if (block.parts.steps) {
                ran << block.name
                println "stage ${block.name}"
                block.parts.steps.call()
            }
            block.children.each { child -> within(child) }
            failed = false
        } finally {
            conclude(block, failed)
            variables = outer
        }
    }

    private Map<String, String> added(Block block) {
        Closure body = block.parts.environment
        if (!body) { return [:] }
        Variables read = new Variables(variables, build)
        body.delegate = read
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
        return read.added
    }

    private void conclude(Block block, boolean failed) {
        if (!block.parts.post) { return }
        Endings endings = new Endings()
        block.parts.post.delegate = endings
        block.parts.post.resolveStrategy = Closure.DELEGATE_FIRST
        block.parts.post.call()
        endings.parts.always?.call()
        if (failed) { endings.parts.failure?.call() }
        endings.parts.cleanup?.call()
    }
}
