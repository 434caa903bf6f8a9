package example.demo;

import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.builder.SpringApplicationBuilder;

@SpringBootApplication(scanBasePackages = "example")
public class Application {
    public static void main(String[] args) {
        new SpringApplicationBuilder(Application.class).profiles("demo").run(args);
    }
}
