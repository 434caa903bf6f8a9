package nacosserver;

import com.alibaba.nacos.consistency.cp.CPProtocol;
import com.alibaba.nacos.consistency.cp.RequestProcessor4CP;
import com.alibaba.nacos.core.code.ControllerMethodsCache;
import com.alibaba.nacos.core.distributed.raft.JRaftProtocol;
import com.alibaba.nacos.core.distributed.raft.JRaftServer;
import com.alibaba.nacos.plugin.auth.exception.AccessException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Collection;
import java.util.List;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.servlet.ServletComponentScan;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpStatus;
import org.springframework.scheduling.annotation.EnableScheduling;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestControllerAdvice;

/** Starts Nacos, and puts right what the republished modules lack to be a whole server. */
@SpringBootApplication(scanBasePackages = "com.alibaba.nacos")
@ServletComponentScan("com.alibaba.nacos")
@EnableScheduling
public class NacosServer {

    public static void main(String[] args) {
        SpringApplication.run(NacosServer.class, args);
    }

    /** The auth filter lets through what is not listed here, which was the console module's job. */
    @Autowired
    void protectControllers(ControllerMethodsCache methods) {
        methods.initClassMethod("com.alibaba.nacos.core.controller");
        methods.initClassMethod("com.alibaba.nacos.naming.controllers");
        methods.initClassMethod("com.alibaba.nacos.config.server.controller");
    }

    /**
     * Whoever republished Nacos emptied JRaftProtocol.addRequestProcessors. Without what it did,
     * nobody can change an instance's weight, metadata or enabled flag.
     */
    @Autowired
    void addRaftGroups(CPProtocol<?, ?> protocol, List<RequestProcessor4CP> processors)
            throws ReflectiveOperationException {
        Field server = JRaftProtocol.class.getDeclaredField("raftServer");
        server.setAccessible(true);
        Method add = JRaftServer.class.getDeclaredMethod("createMultiRaftGroup", Collection.class);
        add.setAccessible(true);
        add.invoke(server.get(protocol), processors);
    }

    /** Without this, the console's job too, a failed login is answered with HTTP status 0. */
    @RestControllerAdvice
    @Order(Ordered.HIGHEST_PRECEDENCE)
    static class AccessDenied {

        @ExceptionHandler(AccessException.class)
        @ResponseStatus(HttpStatus.FORBIDDEN)
        String message(AccessException error) {
            return error.getErrMsg();
        }
    }
}
