import com.unboundid.ldap.listener.*;
import com.unboundid.ldif.LDIFReader;
import java.io.ByteArrayInputStream;
import java.net.InetAddress;

/** An LDAP server on 127.0.0.1 until standard input ends. Its arguments are a base, a DN and its password, and LDIF. */
class Directory {
    public static void main(String[] args) throws Exception {
        var config = new InMemoryDirectoryServerConfig(args[0]);
        config.addAdditionalBindCredentials(args[1], args[2]);
        // The ready-made tool of the library would listen on every address of the machine.
        config.setListenerConfigs(InMemoryListenerConfig.createLDAPConfig("ldap", InetAddress.getByName("127.0.0.1"), 0, null));
        var server = new InMemoryDirectoryServer(config);
        server.importFromLDIF(true, new LDIFReader(new ByteArrayInputStream(args[3].getBytes("UTF-8"))));
        server.startListening();
        System.out.println(server.getListenPort());
        while (System.in.read() >= 0) {}
        System.exit(0);
    }
}
